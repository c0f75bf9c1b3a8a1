/** What the page knows: the form, the running request, what is shown, and the last predictions. */

import { httpGateway, type Gateway, type Prediction, type Star } from './api/client';
import type { Failure } from './api/failure';
import { emptyForm, formOf, parseField, parseForm, type FieldErrors, type FormValues } from './form/validation';
import { load, remember, save, type Entry } from './history';
import { fieldOf, FIELDS, type FieldName } from './star/fields';
import type { Preset } from './star/presets';

export type Shown =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'result'; readonly entry: Entry }
  | { readonly kind: 'failure'; readonly failure: Failure };

export class Session {
  values = $state<FormValues>(emptyForm());
  errors = $state<FieldErrors>({});
  loading = $state(false);
  shown = $state.raw<Shown>({ kind: 'nothing' });
  history = $state.raw<Entry[]>([]);

  /** The form says something else than what the shown result was made from. */
  readonly stale = $derived.by(() => {
    if (this.shown.kind !== 'result') return false;
    const made = this.shown.entry.star;
    const now = parseForm(this.values);
    return !now.ok || FIELDS.some(({ name }) => (now.star[name] ?? null) !== (made[name] ?? null));
  });

  constructor(
    readonly gateway: Gateway = httpGateway(),
    private readonly storage: Storage | null = safeStorage(),
    private readonly now: () => number = Date.now,
  ) {
    if (this.storage) this.history = load(this.storage);
  }

  choose(preset: Preset): void {
    this.values = formOf(preset.star);
    this.errors = {};
  }

  clear(): void {
    this.values = emptyForm();
    this.errors = {};
    this.dropFailure();
  }

  /** Checks one field when it is left; an error shown before goes as soon as the value is right. */
  check(name: FieldName, onlyShown = false): void {
    const field = fieldOf(name);
    if (!field || (onlyShown && !this.errors[name])) return;
    const parsed = parseField(field, this.values[name]);
    // An empty required field is told on sending: leaving it untouched is no mistake yet.
    if (parsed.ok || (!onlyShown && this.values[name].trim() === '')) this.errors = without(this.errors, name);
    else this.errors[name] = parsed.error;
  }

  /** Sends the form. Returns what is to be looked at next. */
  async submit(): Promise<'form' | 'answer'> {
    if (this.loading) return 'answer';
    const checked = parseForm(this.values);
    if (!checked.ok) {
      this.errors = checked.errors;
      this.dropFailure();
      return 'form';
    }
    this.errors = {};
    this.loading = true;
    const outcome = await this.gateway.predict(checked.star);
    this.loading = false;
    if (outcome.ok) {
      this.keep(checked.star, outcome.value);
      return 'answer';
    }
    this.errors = { ...outcome.failure.fields };
    this.shown = { kind: 'failure', failure: outcome.failure };
    return Object.keys(this.errors).length > 0 ? 'form' : 'answer';
  }

  reopen(entry: Entry): void {
    this.values = formOf(entry.star);
    this.errors = {};
    this.shown = { kind: 'result', entry };
  }

  forget(): void {
    this.history = [];
    if (this.storage) save(this.storage, []);
  }

  /** An old failure says nothing about values that were never sent. */
  private dropFailure(): void {
    if (this.shown.kind === 'failure') this.shown = { kind: 'nothing' };
  }

  private keep(star: Star, prediction: Prediction): void {
    const entry: Entry = { at: this.now(), star, prediction };
    this.shown = { kind: 'result', entry };
    this.history = remember(this.history, entry);
    if (this.storage) save(this.storage, this.history);
  }
}

function without(errors: FieldErrors, name: FieldName): FieldErrors {
  return Object.fromEntries(Object.entries(errors).filter(([other]) => other !== name));
}

/** Reading `localStorage` itself throws where a browser forbids it. */
function safeStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
