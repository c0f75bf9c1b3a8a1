/** A prediction in plain words. */

import type { Prediction } from '../api/client';
import { fieldOf } from '../star/fields';
import { decimal, signed } from './format';

export type Direction = 'approaching' | 'receding' | 'uncertain';

/** Which way the star moves; uncertain where the interval holds both ways. */
export function directionOf(prediction: Prediction): Direction {
  const { lower_kms: lower, upper_kms: upper } = prediction.interval;
  if (lower <= 0 && upper >= 0) return 'uncertain';
  return prediction.radial_velocity_kms < 0 ? 'approaching' : 'receding';
}

export function headline(prediction: Prediction): string {
  switch (directionOf(prediction)) {
    case 'approaching':
      return 'Moving towards us';
    case 'receding':
      return 'Moving away from us';
    case 'uncertain':
      return 'Direction uncertain: the interval reaches both ways';
  }
}

export const percentOf = (level: number): string => `${decimal(level * 100, 0)} %`;

/** What a screen reader says when a result arrives. */
export function announcement(prediction: Prediction): string {
  const { level, lower_kms: lower, upper_kms: upper } = prediction.interval;
  return (
    `Radial velocity ${signed(prediction.radial_velocity_kms)} kilometres per second. ${headline(prediction)}. ` +
    `${percentOf(level)} interval from ${signed(lower)} to ${signed(upper)}.`
  );
}

export interface Remark {
  readonly flag: string;
  readonly text: string;
}

/** The flags of a prediction, in words; an unknown one is shown by its name rather than hidden. */
export function remarksOf(flags: readonly string[]): Remark[] {
  return flags.map((flag) => {
    const missing = fieldOf(flag.replace(/^missing_/, ''));
    if (flag.startsWith('missing_') && missing) {
      return { flag, text: `${missing.label} is missing: predicted without it, so less certain.` };
    }
    const beyond = fieldOf(flag.replace(/^out_of_range_/, ''));
    if (flag.startsWith('out_of_range_') && beyond) {
      return {
        flag,
        text: `${beyond.label} lies outside the stars the model was trained on: treat this as extrapolation.`,
      };
    }
    if (flag === 'extrapolated') {
      return {
        flag,
        text: 'All inputs together lie far from the stars the model was trained on: treat this as extrapolation.',
      };
    }
    return { flag, text: `${flag.replaceAll('_', ' ')}.` };
  });
}
