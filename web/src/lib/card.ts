/** What a model's card tells a person who wants to know how far to trust it. */

export interface Kept {
  /** Which inputs these held-out stars had. */
  readonly inputs: string;
  readonly level: number;
  readonly coverage: number;
  readonly widthKms: number;
  readonly stars: number;
}

export interface CardFacts {
  readonly trained: Date | null;
  readonly stars: number | null;
  readonly kept: readonly Kept[];
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.map(object) : []);
const number = (value: unknown): number => (typeof value === 'number' ? value : NaN);

/** Cards of other makers, and newer ones, may lack or add anything: what cannot be read is left out. */
export function factsOf(card: unknown): CardFacts {
  const read = object(card);
  const trained = new Date(typeof read['trained_at'] === 'string' ? read['trained_at'] : NaN);
  const rows = list(read['data']).map((table) => number(table['rows']));
  const stars = rows.reduce((sum, value) => sum + value, 0);
  return {
    trained: Number.isNaN(trained.getTime()) ? null : trained,
    stars: rows.length > 0 && Number.isFinite(stars) ? stars : null,
    kept: list(read['calibration'])
      .map((entry) => ({
        inputs: typeof entry['pattern'] === 'string' ? entry['pattern'] : '',
        level: number(entry['level']),
        coverage: number(entry['coverage']),
        widthKms: number(entry['mean_width_kms']),
        stars: number(entry['rows']),
      }))
      .filter(({ inputs, level, coverage, widthKms, stars: count }) =>
        Boolean(inputs && count > 0 && [level, coverage, widthKms].every(Number.isFinite)),
      ),
  };
}
