/** The last predictions, kept in this browser only. */

import type { Prediction, Star } from './api/client';

export interface Entry {
  readonly at: number;
  readonly star: Star;
  readonly prediction: Prediction;
}

export const KEEP = 5;
const KEY = 'astroscale.history.v1';

export function remember(entries: readonly Entry[], entry: Entry): Entry[] {
  return [entry, ...entries].slice(0, KEEP);
}

/** What was kept; an older page's or a damaged entry is left out. */
export function load(storage: Storage): Entry[] {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? '[]') as unknown;
    return Array.isArray(kept) ? kept.filter(isEntry).slice(0, KEEP) : [];
  } catch {
    return [];
  }
}

/** Keeps what it can: a full or forbidden storage costs the history, not the prediction. */
export function save(storage: Storage, entries: readonly Entry[]): void {
  try {
    storage.setItem(KEY, JSON.stringify(entries));
  } catch {
    // Private windows and full storages refuse; the list still lives in the page.
  }
}

function isEntry(value: unknown): value is Entry {
  const entry = value as Partial<Entry> | null;
  const prediction = entry?.prediction;
  return (
    typeof entry?.at === 'number' &&
    [entry.star?.ra, entry.star?.dec].every(Number.isFinite) &&
    [
      prediction?.radial_velocity_kms,
      prediction?.predicted_z,
      prediction?.interval?.level,
      prediction?.interval?.lower_kms,
      prediction?.interval?.upper_kms,
      prediction?.interval?.lower_z,
      prediction?.interval?.upper_z,
      prediction?.quantiles_kms?.q16,
      prediction?.quantiles_kms?.q84,
    ].every(Number.isFinite) &&
    Array.isArray(prediction?.flags) &&
    typeof prediction?.model?.version === 'string'
  );
}
