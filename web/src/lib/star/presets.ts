/** Five typical stars to start from. The sky positions are arbitrary; the atmospheres are typical of each kind. */

import type { Star } from '../api/client';

export interface Preset {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly star: Star;
}

export const PRESETS: readonly Preset[] = [
  {
    id: 'sun-like',
    name: 'Sun-like',
    note: 'class G',
    star: { ra: 200.12, dec: -47.33, teff: 5800, logg: 4.3, fe_h: 0, snr: 100, parallax: 7.2 },
  },
  {
    id: 'hot-blue',
    name: 'Hot blue',
    note: 'class A',
    star: { ra: 84.05, dec: 9.93, teff: 8500, logg: 4.1, fe_h: 0.1, snr: 150, parallax: 4.8 },
  },
  {
    id: 'red-giant',
    name: 'Red giant',
    note: 'class K',
    star: { ra: 291.4, dec: 42.15, teff: 4200, logg: 1.6, fe_h: -0.2, snr: 120, parallax: 0.62 },
  },
  {
    id: 'metal-poor',
    name: 'Metal-poor',
    note: 'Pop. II',
    star: { ra: 187.7, dec: 12.4, teff: 5100, logg: 2.4, fe_h: -2.1, snr: 60, parallax: 0.24 },
  },
  {
    // A white dwarf's metals have sunk out of sight: an [Fe/H] would be made up, so it is left empty.
    id: 'white-dwarf',
    name: 'White dwarf',
    note: 'class DA',
    star: { ra: 54.2, dec: 25.6, teff: 12_000, logg: 8, fe_h: null, snr: 45, parallax: 22 },
  },
];
