import { describe, expect, it } from 'vitest';

import { aPrediction } from '../../../tests/builders';
import { moment, rounded, scientific, signed, spokenScientific } from './format';
import { axisFor, axisPercent } from './interval';
import { beyondScale, spectrumPercent, spectrumTicks } from './spectrum';
import { announcement, directionOf, headline, remarksOf } from './words';

describe('numbers', () => {
  it.each([
    [23.44, '+23.4'],
    [-12.35, '−12.4'],
    [0.01, '0.0'],
    [-0.01, '0.0'],
    [1234.5, '+1,234.5'],
  ])('%s is written %s', (value, written) => {
    expect(signed(value)).toBe(written);
  });

  it('writes a redshift as mantissa and power of ten', () => {
    expect(scientific(-0.0001234)).toEqual({ mantissa: '−1.23', exponent: '−4' });
    expect(scientific(0)).toEqual({ mantissa: '0.00', exponent: '0' });
    expect(spokenScientific(0.02)).toBe('+2.00 times ten to the −2');
  });

  it('tells the hour of today, and the day of another', () => {
    const noon = new Date(2026, 6, 3, 12, 5).getTime();
    expect(moment(noon, noon + 3_600_000, 'en-GB')).toBe('12:05');
    expect(moment(noon, noon + 86_400_000, 'en-GB')).toBe('3 Jul');
  });

  it('keeps three significant digits', () => {
    expect([138.888, 1612.9, 0.045].map(rounded)).toEqual(['139', '1,610', '0.045']);
  });
});

describe('the redshift scale', () => {
  it.each([
    [0, 50],
    [1e-6, 50],
    [1e-5, 50],
    [1e-3, 75],
    [-1e-3, 25],
    [0.1, 100],
    [-0.1, 0],
    [5, 100],
    [NaN, 50],
  ])('puts z = %s at %s percent', (z, percent) => {
    expect(spectrumPercent(z)).toBeCloseTo(percent, 9);
  });

  it('says what lies beyond its end', () => {
    expect([0.1, 0.11, -0.2].map(beyondScale)).toEqual([false, true, true]);
  });

  it('has its ticks in mirror image', () => {
    const ticks = spectrumTicks();
    expect(ticks).toHaveLength(8);
    expect(ticks.filter(({ side }) => side > 0).map(({ percent }) => Math.round(percent * 10) / 10)).toEqual([
      62.5, 75, 87.5, 100,
    ]);
  });
});

describe('the velocity axis', () => {
  it.each([[[-12.4, 55.1, 20]], [[400, 410, 405]], [[-900, -850]], [[0, 0]], [[0.001, 0.002]]])(
    'around %j holds all of them and zero, on round ticks',
    (velocities) => {
      const axis = axisFor(velocities);
      for (const velocity of [0, ...velocities]) {
        expect(axisPercent(axis, velocity)).toBeGreaterThan(0);
        expect(axisPercent(axis, velocity)).toBeLessThan(100);
      }
      expect(axis.ticks).toContain(0);
      expect(axis.ticks.length).toBeGreaterThanOrEqual(3);
      expect(axis.ticks.length).toBeLessThanOrEqual(9);
    },
  );

  it('ends on its first and last tick', () => {
    const axis = axisFor([-35, 80]);
    expect(axis).toEqual({ low: -50, high: 100, ticks: [-50, 0, 50, 100] });
  });
});

describe('words', () => {
  it.each([
    [100, 20, 'receding', 'Moving away from us'],
    [-100, 20, 'approaching', 'Moving towards us'],
    [5, 20, 'uncertain', 'Direction uncertain: the interval reaches both ways'],
  ])('%s ± %s km/s is %s', (velocity, halfWidth, direction, words) => {
    const prediction = aPrediction(velocity, halfWidth);
    expect([directionOf(prediction), headline(prediction)]).toEqual([direction, words]);
  });

  it('announce the value and its interval', () => {
    expect(announcement(aPrediction(100, 20))).toBe(
      'Radial velocity +100.0 kilometres per second. Moving away from us. 90 % interval from +80.0 to +120.0.',
    );
  });

  it('tell flags, and show an unknown one rather than hide it', () => {
    const texts = remarksOf(['missing_fe_h', 'out_of_range_teff', 'extrapolated', 'new_thing', 'missing_unheard']).map(
      ({ text }) => text,
    );
    expect(texts).toEqual([
      'Metallicity is missing: predicted without it, so less certain.',
      'Effective temperature lies outside the stars the model was trained on: treat this as extrapolation.',
      'All inputs together lie far from the stars the model was trained on: treat this as extrapolation.',
      'new thing.',
      'missing unheard.',
    ]);
  });
});
