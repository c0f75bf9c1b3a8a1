import { describe, expect, it } from 'vitest';

import { aStar } from '../../../tests/builders';
import { FIELDS, fieldOf, type Field, type FieldName } from '../star/fields';
import { PRESETS } from '../star/presets';
import { emptyForm, formOf, parseField, parseForm, usable } from './validation';

function field(name: FieldName): Field {
  const found = fieldOf(name);
  if (!found) throw new Error(name);
  return found;
}

describe('a field', () => {
  it.each([
    ['200.12', 200.12],
    ['  5800 ', 5800],
    ['1e2', 100],
    ['.5', 0.5],
    ['+3', 3],
  ])('reads %j as a number', (text, value) => {
    expect(parseField(field('snr'), text)).toEqual({ ok: true, value });
  });

  it('reads the minus signs of papers', () => {
    expect(parseField(field('dec'), '−47.33')).toEqual({ ok: true, value: -47.33 });
    expect(parseField(field('dec'), '–1')).toEqual({ ok: true, value: -1 });
  });

  it.each(['abc', '1.2.3', 'NaN', 'Infinity', '0x10', '--1', '1e'])('refuses %j as no number', (text) => {
    expect(parseField(field('teff'), text)).toEqual({ ok: false, error: 'This is not a number.' });
  });

  it('says how to write a number with a comma', () => {
    expect(parseField(field('teff'), '5,800')).toMatchObject({ ok: false, error: expect.stringContaining('dot') });
  });

  it.each<[FieldName, string, boolean]>([
    ['ra', '0', true],
    ['ra', '359.999', true],
    ['ra', '360', false],
    ['ra', '-0.1', false],
    ['dec', '-90', true],
    ['dec', '90.01', false],
    ['teff', '0', false],
    ['teff', '200000', true],
    ['teff', '200001', false],
    ['logg', '12', true],
    ['logg', '-5.1', false],
    ['fe_h', '5', true],
    ['fe_h', '-10.5', false],
    ['snr', '0', true],
    ['snr', '1e400', false],
    ['parallax', '-1000', true],
    ['parallax', '1000.1', false],
    ['pmra', '20000', true],
    ['pmdec', '-20001', false],
  ])('%s of %s passes: %s', (name, text, passes) => {
    expect(parseField(field(name), text).ok).toBe(passes);
  });

  it('names what is allowed', () => {
    expect(parseField(field('ra'), '400')).toEqual({ ok: false, error: 'Must be from 0 to below 360 deg.' });
    expect(parseField(field('teff'), '-1')).toEqual({ ok: false, error: 'Must be above 0, up to 200,000 K.' });
  });
});

describe('the form', () => {
  it('sends empty values as null and leaves out proper motions not given', () => {
    const checked = parseForm({ ...emptyForm(), ra: '10', dec: '-5' });
    expect(checked).toEqual({
      ok: true,
      star: { ra: 10, dec: -5, teff: null, logg: null, fe_h: null, snr: null, parallax: null },
    });
  });

  it('sends a proper motion that is given, also zero', () => {
    const checked = parseForm({ ...formOf(aStar()), pmra: '0' });
    expect(checked.ok && checked.star).toEqual(aStar({ pmra: 0 }));
  });

  it('asks for the position, and for it alone', () => {
    const checked = parseForm(emptyForm());
    expect(!checked.ok && Object.keys(checked.errors)).toEqual(['ra', 'dec']);
  });

  it('names every wrong value at once', () => {
    const checked = parseForm({ ...formOf(aStar()), ra: '400', teff: 'hot' });
    expect(!checked.ok && Object.keys(checked.errors)).toEqual(['ra', 'teff']);
  });

  it.each(PRESETS)('accepts the preset $name and gives it back unchanged', ({ star }) => {
    expect(parseForm(formOf(star))).toEqual({ ok: true, star });
  });

  it('gives a usable number, or null for the picture', () => {
    const values = { ...emptyForm(), teff: '4200', logg: 'x' };
    expect([usable(values, 'teff'), usable(values, 'logg'), usable(values, 'snr')]).toEqual([4200, null, null]);
  });

  it('has an input for each field of the contract', () => {
    expect(FIELDS.map(({ name }) => name)).toEqual([
      'ra', 'dec', 'teff', 'logg', 'fe_h', 'snr', 'parallax', 'pmra', 'pmdec',
    ]); // prettier-ignore
  });
});
