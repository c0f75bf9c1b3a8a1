/** The gateway, as the page calls it. Every call ends in a value or in a Failure, never in an exception. */

import type { paths } from './schema';
import { failureOf, lost, type Failure } from './failure';

export type Star = paths['/predict']['post']['requestBody']['content']['application/json'];
export type Prediction = paths['/predict']['post']['responses'][200]['content']['application/json'];
export type ServingModel = paths['/model']['get']['responses'][200]['content']['application/json'];

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export interface Gateway {
  predict(star: Star): Promise<Outcome<Prediction>>;
  model(): Promise<Outcome<ServingModel>>;
}

/** Longer than the gateway's own deadline, so that its answer arrives first where there is one. */
const PATIENCE_MS = 20_000;

export function httpGateway(fetcher: typeof fetch = fetch, base = ''): Gateway {
  async function call<T>(path: string, init: RequestInit): Promise<Outcome<T>> {
    let response: Response;
    let text: string;
    try {
      response = await fetcher(base + path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
      text = await response.text();
    } catch (error) {
      return { ok: false, failure: lost(error) };
    }
    const body = readJson(text);
    if (!response.ok) return { ok: false, failure: failureOf(response.status, response.headers, body) };
    // Something between page and gateway (a captive portal, a wrong proxy) can answer 200 with a page of its own.
    if (typeof body !== 'object' || body === null)
      return { ok: false, failure: failureOf(502, response.headers, body) };
    return { ok: true, value: body as T };
  }

  return {
    predict: (star) =>
      call('/predict', {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(star),
      }),
    model: () => call('/model', { headers: { accept: 'application/json' } }),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
