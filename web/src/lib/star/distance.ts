/** Distance from parallax, said with what it is worth. */

const LIGHT_YEARS_PER_PARSEC = 3.26156;

export type Distance =
  | { readonly known: false; readonly reason: string }
  | { readonly known: true; readonly parsecs: number; readonly lightYears: number; readonly category: string };

const CATEGORIES: readonly [number, string][] = [
  [100, 'Solar neighbourhood'],
  [1_000, 'Nearby'],
  [10_000, 'Across the Galactic disc'],
  [Infinity, 'Far: halo or beyond the disc'],
];

/** 1000 / parallax(mas) in parsecs. A parallax that is not positive gives none. */
export function distanceFrom(parallax: number | null): Distance {
  if (parallax === null) return { known: false, reason: 'No parallax was given.' };
  if (parallax < 0) {
    return {
      known: false,
      reason: 'A negative parallax is measurement noise: the star is too far for it to give a distance.',
    };
  }
  if (parallax === 0) return { known: false, reason: 'A parallax of zero gives no distance.' };
  const parsecs = 1000 / parallax;
  const category = CATEGORIES.find(([below]) => parsecs < below)?.[1] ?? '';
  return { known: true, parsecs, lightYears: parsecs * LIGHT_YEARS_PER_PARSEC, category };
}
