/** Where a redshift lies on the bar: logarithmic from 1e-5 to 0.1, approaching to the left, receding to the right. */

const SMALLEST = -5;
const LARGEST = -1;

export const LIGHT_KMS = 299_792.458;

export interface Tick {
  readonly percent: number;
  readonly exponent: number;
  /** The same as a velocity, rounded for reading. */
  readonly kms: string;
  readonly side: -1 | 1;
}

/** 0..100 along the bar. |z| up to 1e-5 lies in the middle, beyond 0.1 at an end. */
export function spectrumPercent(z: number): number {
  const size = Math.abs(z);
  if (!(size > 0)) return 50;
  const along = Math.min(1, Math.max(0, (Math.log10(size) - SMALLEST) / (LARGEST - SMALLEST)));
  return 50 + Math.sign(z) * along * 50;
}

export function beyondScale(z: number): boolean {
  return Math.abs(z) > 10 ** LARGEST;
}

export function spectrumTicks(): Tick[] {
  const velocities = new Map([
    [-4, '30'],
    [-3, '300'],
    [-2, '3,000'],
    [-1, '30,000'],
  ]);
  return ([-1, 1] as const).flatMap((side) =>
    [...velocities].map(([exponent, kms]) => ({
      percent: spectrumPercent(side * 10 ** exponent),
      exponent,
      kms: (side < 0 ? '−' : '+') + kms,
      side,
    })),
  );
}
