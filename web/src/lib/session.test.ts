import { describe, expect, it } from 'vitest';

import { aFailure, aPrediction, aStar, memory, ScriptedGateway } from '../../tests/builders';
import { formOf } from './form/validation';
import { KEEP, load } from './history';
import { Session } from './session.svelte';
import { PRESETS } from './star/presets';

type Answers = ConstructorParameters<typeof ScriptedGateway>[0];

function session(answers: Answers, storage = memory()): [Session, ScriptedGateway] {
  let clock = 1000;
  const gateway = new ScriptedGateway(answers);
  return [new Session(gateway, storage, () => (clock += 1000)), gateway];
}

describe('sending', () => {
  it('shows the prediction of the star in the form', async () => {
    const [one, gateway] = session([aPrediction()]);
    one.values = formOf(aStar());
    expect(await one.submit()).toBe('answer');
    expect(gateway.asked).toEqual([aStar()]);
    expect(one.shown).toEqual({ kind: 'result', entry: { at: 2000, star: aStar(), prediction: aPrediction() } });
    expect(one.stale).toBe(false);
    one.values.teff = '5800.0';
    expect(one.stale).toBe(false);
    one.values.teff = '6000';
    expect(one.stale).toBe(true);
  });

  it('sends nothing that is wrong', async () => {
    const [one, gateway] = session([]);
    expect(await one.submit()).toBe('form');
    expect(gateway.asked).toEqual([]);
    expect(Object.keys(one.errors)).toEqual(['ra', 'dec']);
  });

  it('sends once, however often the button is pressed', async () => {
    const [one, gateway] = session([aPrediction()]);
    one.values = formOf(aStar());
    await Promise.all([one.submit(), one.submit()]);
    expect(gateway.asked).toHaveLength(1);
  });

  it('puts what the server refuses on the inputs', async () => {
    const [one] = session([aFailure({ kind: 'fields', fields: { teff: 'too hot' } })]);
    one.values = formOf(aStar());
    expect(await one.submit()).toBe('form');
    expect(one.errors).toEqual({ teff: 'too hot' });
    one.clear();
    expect([one.errors, one.shown.kind]).toEqual([{}, 'nothing']);
  });
});

describe('checking a field', () => {
  it('waits until it is left, and forgives as soon as it is right', () => {
    const [one] = session([]);
    one.values.dec = '95';
    one.check('dec', true);
    expect(one.errors).toEqual({});
    one.check('dec');
    expect(one.errors.dec).toContain('−90 to 90');
    one.values.dec = '9';
    one.check('dec', true);
    expect(one.errors).toEqual({});
  });

  it('does not scold for a required field passed through', () => {
    const [one] = session([]);
    one.check('ra');
    expect(one.errors).toEqual({});
  });

  it('forgets errors when a preset is chosen', () => {
    const [one] = session([]);
    const [preset] = PRESETS;
    if (!preset) throw new Error('no preset');
    one.values.ra = '400';
    one.check('ra');
    one.choose(preset);
    expect([one.errors, one.values]).toEqual([{}, formOf(preset.star)]);
  });
});

describe('the history', () => {
  it('keeps the last five, newest first, over a reload', async () => {
    const storage = memory();
    const [one] = session(
      [1, 2, 3, 4, 5, 6].map((velocity) => aPrediction(velocity)),
      storage,
    );
    one.values = formOf(aStar());
    for (let turn = 0; turn < 6; turn += 1) await one.submit();
    const velocities = new Session(new ScriptedGateway([]), storage).history.map(
      (entry) => entry.prediction.radial_velocity_kms,
    );
    expect(velocities).toEqual([6, 5, 4, 3, 2]);
    expect(velocities).toHaveLength(KEEP);
  });

  it('opens an earlier one with its star', async () => {
    const [one] = session([aPrediction(1), aPrediction(2)]);
    one.values = formOf(aStar({ pmra: 3 }));
    await one.submit();
    one.values = formOf(aStar({ teff: null }));
    await one.submit();
    const [, earlier] = one.history;
    if (!earlier) throw new Error('no history');
    one.reopen(earlier);
    expect([one.values.pmra, one.values.teff, one.stale]).toEqual(['3', '5800', false]);
  });

  it.each(['not json', '{}', '[null, 1, {"at": 1}]', '[{"at":1,"star":{"ra":1,"dec":2},"prediction":{}}]'])(
    'leaves out what is damaged: %s',
    (kept) => {
      const storage = memory();
      storage.setItem('astroscale.history.v1', kept);
      expect(load(storage)).toEqual([]);
    },
  );

  it('does without a storage that is full or forbidden', async () => {
    const [one] = session([aPrediction()], memory(true));
    one.values = formOf(aStar());
    await one.submit();
    expect([one.shown.kind, one.history.length]).toEqual(['result', 1]);
    one.forget();
    expect(one.history).toEqual([]);
  });
});
