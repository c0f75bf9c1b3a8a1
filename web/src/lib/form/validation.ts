/** From what a person typed to a star, or to what is wrong with it. */

import type { Star } from '../api/client';
import { FEATURES, FIELDS, MOTIONS, rangeInWords, type Field, type FieldName } from '../star/fields';

export type FormValues = Record<FieldName, string>;
export type FieldErrors = Partial<Record<FieldName, string>>;

export type Parsed =
  { readonly ok: true; readonly value: number | null } | { readonly ok: false; readonly error: string };

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function emptyForm(): FormValues {
  return Object.fromEntries(FIELDS.map((field) => [field.name, ''])) as FormValues;
}

/** One field's text as a number, or null where it is left empty. */
export function parseField(field: Field, text: string): Parsed {
  // People paste values from papers and tables: a typographic minus and thin spaces come along.
  const plain = text.replace(/[−–]/g, '-').replace(/\s/g, '');
  if (plain === '') {
    return field.required ? { ok: false, error: `Needed: ${rangeInWords(field)}.` } : { ok: true, value: null };
  }
  if (/^[+-]?\d*,\d+$/.test(plain)) return { ok: false, error: 'Write decimals with a dot, and no thousands comma.' };
  if (!NUMBER.test(plain)) return { ok: false, error: 'This is not a number.' };
  const value = Number(plain);
  const tooLow = field.lowOpen ? value <= field.low : value < field.low;
  const tooHigh = field.highOpen ? value >= field.high : value > field.high;
  if (tooLow || tooHigh) return { ok: false, error: `Must be ${rangeInWords(field)}.` };
  return { ok: true, value };
}

export type Checked = { readonly ok: true; readonly star: Star } | { readonly ok: false; readonly errors: FieldErrors };

/** The whole form. Proper motions left empty are not sent at all. */
export function parseForm(values: FormValues): Checked {
  const errors: FieldErrors = {};
  const numbers = new Map<FieldName, number | null>();
  for (const field of FIELDS) {
    const parsed = parseField(field, values[field.name]);
    if (parsed.ok) numbers.set(field.name, parsed.value);
    else errors[field.name] = parsed.error;
  }
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  const sent = [...FEATURES, ...MOTIONS.filter((field) => numbers.get(field.name) !== null)];
  const star = Object.fromEntries(sent.map((field) => [field.name, numbers.get(field.name) ?? null]));
  // The required fields are numbers here: parseField refuses them empty.
  return { ok: true, star: star as unknown as Star };
}

export function formOf(star: Star): FormValues {
  const form = emptyForm();
  for (const field of FIELDS) form[field.name] = star[field.name]?.toString() ?? '';
  return form;
}

/** A field's number where it is usable, for the live picture of the star; null otherwise. */
export function usable(values: FormValues, name: FieldName): number | null {
  const field = FIELDS.find((candidate) => candidate.name === name);
  const parsed = field ? parseField(field, values[name]) : undefined;
  return parsed?.ok ? parsed.value : null;
}
