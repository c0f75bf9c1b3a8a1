import { describe, expect, it } from 'vitest';

import { blackBodyColour, css, deeper, drawnRadius, kindOfStar } from './colour';
import { distanceFrom } from './distance';
import { PRESETS } from './presets';

describe('the colour of a star', () => {
  it('is orange when cool, nearly white like the Sun, blue when hot', () => {
    const [cool, sun, hot] = [3000, 5800, 20_000].map(blackBodyColour);
    expect(cool).toMatchObject({ r: 255 });
    expect(cool?.b).toBeLessThan(140);
    expect(sun?.r).toBe(255);
    expect(sun?.b).toBeGreaterThan(220);
    expect(hot?.b).toBe(255);
    expect(hot?.r).toBeLessThan(190);
  });

  it('is close to white at the white point of the screen', () => {
    const { r, g, b } = blackBodyColour(6504);
    for (const channel of [r, g, b]) expect(channel).toBeGreaterThan(244);
  });

  it('does not jump where the formula changes', () => {
    for (const kelvin of [2222, 4000]) {
      const [below, above] = [blackBodyColour(kelvin - 1), blackBodyColour(kelvin + 1)];
      for (const channel of ['r', 'g', 'b'] as const) {
        expect(Math.abs(below[channel] - above[channel])).toBeLessThanOrEqual(2);
      }
    }
  });

  it('gets no redder as a star gets hotter', () => {
    const blues = [1667, 2500, 4000, 5000, 6500, 9000, 25_000].map((kelvin) => {
      const { r, b } = blackBodyColour(kelvin);
      return b / r;
    });
    expect(blues).toEqual([...blues].sort((one, other) => one - other));
  });

  it('stays the nearest known colour beyond the formula', () => {
    expect(blackBodyColour(200_000)).toEqual(blackBodyColour(25_000));
    expect(blackBodyColour(10)).toEqual(blackBodyColour(1667));
  });

  it('is written as css, and deepens without leaving its hue', () => {
    expect(css({ r: 1, g: 2, b: 3 })).toBe('rgb(1 2 3)');
    expect(css({ r: 1, g: 2, b: 3 }, 0.5)).toBe('rgb(1 2 3 / 0.5)');
    expect(deeper({ r: 255, g: 128, b: 0 })).toEqual({ r: 255, g: 64, b: 0 });
  });
});

describe('the kind of a star', () => {
  it.each([
    [5800, 4.3, 'Class G dwarf, yellowish'],
    [8500, 4.1, 'Class A dwarf, white'],
    [4200, 1.6, 'Class K giant, orange'],
    [12_000, 8, 'White dwarf'],
    [35_000, null, 'Class O star, blue'],
    [null, 4, null],
  ])('%s K and log g %s: %s', (teff, logg, kind) => {
    expect(kindOfStar(teff, logg)).toBe(kind);
  });

  it('draws giants larger than dwarfs and white dwarfs small', () => {
    const [giant, dwarf, white] = [1, 4.4, 8].map(drawnRadius);
    expect(giant).toBeGreaterThan(dwarf ?? 0);
    expect(dwarf).toBeGreaterThan(white ?? 0);
    expect(drawnRadius(null)).toBe(dwarf);
  });

  it('is that of each preset', () => {
    expect(PRESETS.map(({ star }) => kindOfStar(star.teff ?? null, star.logg ?? null))).toEqual([
      'Class G dwarf, yellowish',
      'Class A dwarf, white',
      'Class K giant, orange',
      'Class K giant, orange',
      'White dwarf',
    ]);
  });
});

describe('the distance of a star', () => {
  it.each([
    [100, 10, 'Solar neighbourhood'],
    [10, 100, 'Nearby'],
    [0.5, 2000, 'Across the Galactic disc'],
    [0.05, 20_000, 'Far: halo or beyond the disc'],
  ])('%s mas: %s pc, %s', (parallax, parsecs, category) => {
    expect(distanceFrom(parallax)).toMatchObject({ known: true, parsecs, category });
  });

  it('is also told in light years', () => {
    expect(distanceFrom(1000)).toMatchObject({ lightYears: 3.26156 });
  });

  it.each([
    [-0.3, 'noise'],
    [0, 'zero'],
    [null, 'No parallax'],
  ])('of a parallax of %s is not known, and says why', (parallax, reason) => {
    expect(distanceFrom(parallax)).toEqual({ known: false, reason: expect.stringContaining(reason) });
  });
});
