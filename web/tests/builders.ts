/** Stars, predictions and a gateway for tests. */

import type { Gateway, Outcome, Prediction, ServingModel, Star } from '../src/lib/api/client';
import type { Failure } from '../src/lib/api/failure';
import { LIGHT_KMS } from '../src/lib/result/spectrum';

export function aStar(changes: Partial<Star> = {}): Star {
  return { ra: 200.12, dec: -47.33, teff: 5800, logg: 4.3, fe_h: 0, snr: 100, parallax: 7.2, ...changes };
}

export function aPrediction(velocity = 24, halfWidth = 40, changes: Partial<Prediction> = {}): Prediction {
  const at = (part: number): number => velocity + part * halfWidth;
  return {
    predicted_z: velocity / LIGHT_KMS,
    radial_velocity_kms: velocity,
    interval: {
      level: 0.9,
      lower_kms: at(-1),
      upper_kms: at(1),
      lower_z: at(-1) / LIGHT_KMS,
      upper_z: at(1) / LIGHT_KMS,
    },
    quantiles_kms: { q05: at(-1), q16: at(-0.5), q50: at(0), q84: at(0.5), q95: at(1) },
    flags: [],
    model: { name: 'default', version: '3fa9c01b77de', encoding_version: 1 },
    request_id: 'request-1',
    ...changes,
  };
}

export function aFailure(changes: Partial<Failure> = {}): Failure {
  return {
    kind: 'busy',
    title: 'Busy',
    advice: 'Try again shortly.',
    retryable: true,
    waitSeconds: 0,
    fields: {},
    requestId: null,
    ...changes,
  };
}

/** A gateway that gives these answers in turn, and remembers the stars it was asked about. */
export class ScriptedGateway implements Gateway {
  readonly asked: Star[] = [];

  constructor(private readonly answers: (Prediction | Failure | Promise<Prediction>)[]) {}

  async predict(star: Star): Promise<Outcome<Prediction>> {
    this.asked.push(star);
    const answer = await this.answers.shift();
    if (!answer) throw new Error('The script has no further answer.');
    return 'kind' in answer ? { ok: false, failure: answer } : { ok: true, value: answer };
  }

  model(): Promise<Outcome<ServingModel>> {
    const value = {
      name: 'default',
      version: '3fa9c01b77de',
      slot: 'default',
      encoding_version: 1,
      sha256: '0'.repeat(64),
      card: {},
    } as ServingModel;
    return Promise.resolve({ ok: true, value });
  }
}

/** A Storage in memory; `full` refuses to keep anything, as a browser's does when its quota is used up. */
export function memory(full = false): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    clear: () => kept.clear(),
    getItem: (key) => kept.get(key) ?? null,
    key: (index) => [...kept.keys()][index] ?? null,
    removeItem: (key) => kept.delete(key),
    setItem: (key, value) => {
      if (full) throw new DOMException('full', 'QuotaExceededError');
      kept.set(key, value);
    },
  };
}
