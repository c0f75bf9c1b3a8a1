/** The inputs of a prediction: names, units and hard ranges, as the gateway checks them. */

export type FieldName = 'ra' | 'dec' | 'teff' | 'logg' | 'fe_h' | 'snr' | 'parallax' | 'pmra' | 'pmdec';

export interface Field {
  readonly name: FieldName;
  readonly label: string;
  /** Empty where the quantity has no unit. */
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  /** The bound itself is not allowed. */
  readonly lowOpen?: true;
  readonly highOpen?: true;
  readonly required?: true;
  readonly help: string;
}

export const FEATURES: readonly Field[] = [
  {
    name: 'ra',
    label: 'Right ascension',
    unit: 'deg',
    low: 0,
    high: 360,
    highOpen: true,
    required: true,
    help: 'ICRS, needed',
  },
  { name: 'dec', label: 'Declination', unit: 'deg', low: -90, high: 90, required: true, help: 'ICRS, needed' },
  { name: 'teff', label: 'Effective temperature', unit: 'K', low: 0, high: 200_000, lowOpen: true, help: 'Teff' },
  { name: 'logg', label: 'Surface gravity', unit: 'dex', low: -5, high: 12, help: 'log g, cm s⁻²' },
  { name: 'fe_h', label: 'Metallicity', unit: 'dex', low: -10, high: 5, help: '[Fe/H]' },
  { name: 'snr', label: 'Signal to noise', unit: '', low: 0, high: 1e6, help: 'of the spectrum' },
  { name: 'parallax', label: 'Parallax', unit: 'mas', low: -1000, high: 1000, help: 'may be negative' },
];

export const MOTIONS: readonly Field[] = [
  {
    name: 'pmra',
    label: 'Proper motion in RA',
    unit: 'mas/yr',
    low: -20_000,
    high: 20_000,
    help: 'includes cos(dec)',
  },
  { name: 'pmdec', label: 'Proper motion in Dec', unit: 'mas/yr', low: -20_000, high: 20_000, help: '' },
];

export const FIELDS: readonly Field[] = [...FEATURES, ...MOTIONS];

export function fieldOf(name: string): Field | undefined {
  return FIELDS.find((field) => field.name === name);
}

/** The allowed range in words, for example "from 0 to below 360 deg". */
export function rangeInWords(field: Field): string {
  const number = (value: number): string => value.toLocaleString('en-US').replace('-', '−');
  const unit = field.unit ? ` ${field.unit}` : '';
  if (field.lowOpen) return `above ${number(field.low)}, up to ${number(field.high)}${unit}`;
  if (field.highOpen) return `from ${number(field.low)} to below ${number(field.high)}${unit}`;
  return `from ${number(field.low)} to ${number(field.high)}${unit}`;
}
