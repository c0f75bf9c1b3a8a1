/** What went wrong with a call, in words that a person can act on. */

import { fieldOf, type FieldName } from '../star/fields';

export type FailureKind = 'fields' | 'busy' | 'timeout' | 'network' | 'refused' | 'broken';

export interface Failure {
  readonly kind: FailureKind;
  readonly title: string;
  readonly advice: string;
  /** Worth sending again unchanged. */
  readonly retryable: boolean;
  /** Seconds that the gateway asks to wait before. */
  readonly waitSeconds: number;
  readonly fields: Partial<Record<FieldName, string>>;
  readonly requestId: string | null;
}

interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly fields: readonly unknown[];
  readonly requestId: string | null;
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The gateway's messages are clauses; on the page they stand alone. */
const sentence = (clause: string): string =>
  clause && clause.charAt(0).toUpperCase() + clause.slice(1) + (/[.!?]$/.test(clause) ? '' : '.');

function read(body: unknown): ErrorBody {
  const outer = object(body);
  const error = object(outer['error']);
  return {
    code: text(error['code']),
    message: sentence(text(error['message'])),
    fields: Array.isArray(error['fields']) ? error['fields'] : [],
    requestId: text(outer['request_id']) || null,
  };
}

/** The offending fields by name; the last part of a dotted path ("body.teff") names the field. */
function fieldMessages(entries: readonly unknown[]): [Partial<Record<FieldName, string>>, string[]] {
  const known: Partial<Record<FieldName, string>> = {};
  const others: string[] = [];
  for (const entry of entries.map(object)) {
    const path = text(entry['field']);
    const allowed = text(entry['allowed']);
    const message = sentence(text(entry['message']) || (allowed ? `allowed is ${allowed}` : 'the server refused it'));
    const field = fieldOf(path.split('.').at(-1) ?? '');
    if (field) known[field.name] = message;
    else others.push(message);
  }
  return [known, others];
}

function waitFrom(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? '');
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(60, Math.ceil(seconds)) : 0;
}

/** The failure that an HTTP answer tells of. */
export function failureOf(status: number, headers: Headers, body: unknown): Failure {
  const error = read(body);
  const [fields, others] = fieldMessages(error.fields);
  const base = { retryable: false, waitSeconds: 0, fields, requestId: error.requestId };
  if (status === 422) {
    const named = Object.keys(fields).length;
    return {
      ...base,
      kind: 'fields',
      title: named > 0 ? 'The server did not accept every value' : 'The server did not accept the request',
      advice: [named > 0 ? 'Correct what is marked in the form.' : error.message, ...others].filter(Boolean).join(' '),
    };
  }
  if (status === 503) {
    return {
      ...base,
      kind: 'busy',
      title: 'The system cannot take this star right now',
      advice: `${error.message || 'Too many stars are waiting, or a service is still starting.'} Your values are kept.`,
      retryable: true,
      waitSeconds: waitFrom(headers),
    };
  }
  if (status === 504) {
    return {
      ...base,
      kind: 'timeout',
      title: 'No answer came in time',
      advice: 'The inference service did not answer within the deadline. Your values are kept: try again.',
      retryable: true,
    };
  }
  if (status === 401 || status === 403) {
    return {
      ...base,
      kind: 'refused',
      title: 'This gateway asks for a key',
      advice: 'The page carries none. Ask whoever runs this system for a key, and use the API with it.',
    };
  }
  if (status >= 400 && status < 500) {
    return {
      ...base,
      kind: 'refused',
      title: `The request was refused (${status})`,
      advice: error.message || 'The gateway does not accept this request. Reload the page: it may be out of date.',
    };
  }
  return {
    ...base,
    kind: 'broken',
    title: 'Something failed on the server',
    advice: error.message || `It answered with status ${status}. Try again; if it stays, look at the gateway’s log.`,
    retryable: true,
  };
}

/** The failure of a call that never got an answer. */
export function lost(error: unknown): Failure {
  const base = { retryable: true, waitSeconds: 0, fields: {}, requestId: null };
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return {
      ...base,
      kind: 'timeout',
      title: 'No answer came in time',
      advice: 'The gateway took the request and did not answer. Your values are kept: try again.',
    };
  }
  return {
    ...base,
    kind: 'network',
    title: 'The gateway cannot be reached',
    advice: 'Check that the system is running and that you are online. Your values are kept: try again.',
  };
}
