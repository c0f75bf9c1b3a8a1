import { cleanup, render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { aFailure, aPrediction, aStar, memory, ScriptedGateway } from '../tests/builders';
import App from './App.svelte';
import { Session } from './lib/session.svelte';

type Answers = ConstructorParameters<typeof ScriptedGateway>[0];

function open(answers: Answers): ScriptedGateway {
  const gateway = new ScriptedGateway(answers);
  render(App, { session: new Session(gateway, memory()) });
  return gateway;
}

const button = (name: RegExp): HTMLElement => screen.getByRole('button', { name });
const input = (name: RegExp): HTMLInputElement => screen.getByRole('textbox', { name });

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe('the page', () => {
  it('goes from a preset to a result that is seen and heard', async () => {
    const gateway = open([aPrediction(100, 20, { flags: ['missing_snr'] })]);
    await userEvent.click(button(/^Sun-like/));
    expect(button(/^Sun-like/).getAttribute('aria-pressed')).toBe('true');
    expect(input(/Effective temperature/).value).toBe('5800');
    await userEvent.click(button(/Estimate velocity/));

    expect(gateway.asked).toEqual([aStar()]);
    const answer = await screen.findByRole('region', { name: 'Prediction' });
    expect(answer.textContent).toContain('+100.0');
    expect(answer.textContent).toContain('+80.0 to +120.0');
    expect(answer.textContent).toContain('Signal to noise is missing');
    expect(answer.textContent).toContain('3fa9c01b77de');
    expect(
      within(answer)
        .getByRole('img', { name: /redshift scale/ })
        .getAttribute('aria-label'),
    ).toContain('red side, receding');
    expect(screen.getByRole('status').textContent).toContain('Radial velocity +100.0 kilometres per second');
    expect(screen.getByTestId('model-status').textContent).toContain('3fa9c01b77de');
  });

  it('shows that it is working, and sends once', async () => {
    let finish: (prediction: ReturnType<typeof aPrediction>) => void = () => undefined;
    const gateway = open([new Promise((resolve) => (finish = resolve))]);
    await userEvent.click(button(/^Red giant/));
    await userEvent.click(button(/Estimate velocity/));
    expect(button(/Estimating/).getAttribute('aria-disabled')).toBe('true');
    await userEvent.click(button(/Estimating/));
    finish(aPrediction());
    await screen.findByRole('button', { name: /Estimate velocity/ });
    expect(gateway.asked).toHaveLength(1);
  });

  it('marks what is wrong and puts the cursor there', async () => {
    open([]);
    await userEvent.type(input(/Right ascension/), '400');
    await userEvent.click(button(/Estimate velocity/));
    expect(document.activeElement).toBe(input(/Right ascension/));
    const described = input(/Right ascension/).getAttribute('aria-describedby') ?? '';
    expect(document.getElementById(described.split(' ')[0] ?? '')?.textContent).toContain('below 360');
    expect(screen.getByRole('alert').textContent).toContain('2 values');
  });

  it('opens the drawer of proper motions for an error inside it', async () => {
    open([aFailure({ kind: 'fields', fields: { pmra: 'too fast' } })]);
    await userEvent.click(button(/^Sun-like/));
    await userEvent.click(button(/Estimate velocity/));
    const field = await screen.findByRole('textbox', { name: /Proper motion in RA/ });
    expect(field.closest('details')?.open).toBe(true);
    expect(document.activeElement).toBe(field);
  });

  it('tells what failed and tries again with the same star', async () => {
    const gateway = open([aFailure({ title: 'The gateway cannot be reached' }), aPrediction()]);
    await userEvent.click(button(/^Hot blue/));
    await userEvent.click(button(/Estimate velocity/));
    expect((await screen.findByRole('alert')).textContent).toContain('The gateway cannot be reached');
    await userEvent.click(button(/Try again/));
    expect(await screen.findByText('Radial velocity')).toBeTruthy();
    expect(gateway.asked[1]).toEqual(gateway.asked[0]);
  });

  it('keeps to the wait that the gateway asks for', async () => {
    vi.useFakeTimers();
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    const gateway = open([aFailure({ waitSeconds: 2 }), aPrediction()]);
    await user.click(button(/^Hot blue/));
    await user.click(button(/Estimate velocity/));
    await user.click(button(/Try again in 2 s/));
    expect(gateway.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    await user.click(button(/^Try again$/));
    expect(gateway.asked).toHaveLength(2);
  });

  it('opens an earlier prediction again and says when the form has moved on', async () => {
    open([aPrediction(11), aPrediction(22)]);
    await userEvent.click(button(/^Sun-like/));
    await userEvent.click(button(/Estimate velocity/));
    await userEvent.click(button(/^White dwarf/));
    expect(screen.getByText(/The form has changed since/)).toBeTruthy();
    await userEvent.click(button(/Estimate velocity/));
    await userEvent.click(button(/\+11\.0 km\/s/));
    expect(input(/Effective temperature/).value).toBe('5800');
    expect(screen.queryByText(/The form has changed since/)).toBeNull();
    await userEvent.click(button(/Forget them/));
    expect(screen.queryByText('Last predictions')).toBeNull();
  });
});
