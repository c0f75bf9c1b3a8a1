import { describe, expect, it } from 'vitest';

import { factsOf } from './card';

const CALIBRATION = { pattern: 'all seven', rows: 400, level: 0.9, coverage: 0.897, mean_width_kms: 88.5 };

describe('a card', () => {
  it('tells when, from how many stars, and how often its interval was right', () => {
    const facts = factsOf({
      trained_at: '2026-01-02T03:04:05Z',
      data: [{ rows: 3000 }, { rows: 2000 }],
      calibration: [CALIBRATION],
    });
    expect(facts).toEqual({
      trained: new Date('2026-01-02T03:04:05Z'),
      stars: 5000,
      kept: [{ inputs: 'all seven', level: 0.9, coverage: 0.897, widthKms: 88.5, stars: 400 }],
    });
  });

  it.each([undefined, null, 'text', {}, { trained_at: 'once', data: [{}], calibration: [null, { pattern: 'x' }] }])(
    'may lack anything: %j',
    (card) => {
      expect(factsOf(card)).toEqual({ trained: null, stars: null, kept: [] });
    },
  );

  it('leaves out a group that no star was in', () => {
    expect(factsOf({ calibration: [{ ...CALIBRATION, rows: 0 }] }).kept).toEqual([]);
  });
});
