import { describe, expect, it, vi } from 'vitest';

import { aPrediction, aStar } from '../../../tests/builders';
import { httpGateway } from './client';
import { failureOf, lost } from './failure';

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  vi.fn<typeof fetch>(() =>
    Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers })),
  );

describe('a call', () => {
  it('sends the star as JSON and gives the prediction', async () => {
    const fetcher = answering(200, aPrediction());
    const outcome = await httpGateway(fetcher).predict(aStar());
    expect(outcome).toEqual({ ok: true, value: aPrediction() });
    const [path, init] = fetcher.mock.calls[0] ?? [];
    expect([path, init?.method, JSON.parse(String(init?.body))]).toEqual(['/predict', 'POST', aStar()]);
  });

  it.each([['<html>log in</html>'], ['null'], ['']])('takes a 200 with %j for no prediction', async (body) => {
    const outcome = await httpGateway(answering(200, body)).predict(aStar());
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'broken', retryable: true } });
  });

  it('ends in a failure where there is no network', async () => {
    const outcome = await httpGateway(() => Promise.reject(new TypeError('Failed to fetch'))).model();
    expect(outcome).toMatchObject({ ok: false, failure: { kind: 'network', retryable: true } });
  });
});

describe('a failure', () => {
  const failure = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    failureOf(status, new Headers(headers), body);

  it('maps 422 onto the inputs, also by path, and keeps the rest readable', () => {
    const told = failure(422, {
      error: {
        code: 'invalid',
        message: 'One value is not allowed',
        fields: [
          { field: 'teff', value: -1, allowed: '(0, 200000] K', message: 'teff is -1; allowed is (0, 200000] K' },
          { field: 'body.ra', value: 400, allowed: '[0, 360) deg' },
          { field: 'colour', message: 'colour is no field; allowed are ra, dec' },
          'nonsense',
        ],
      },
      request_id: 'r1',
    });
    expect(told).toMatchObject({
      kind: 'fields',
      retryable: false,
      requestId: 'r1',
      fields: { teff: 'Teff is -1; allowed is (0, 200000] K.', ra: 'Allowed is [0, 360) deg.' },
    });
    expect(told.advice).toContain('Colour is no field; allowed are ra, dec.');
  });

  it('says the message of a 422 that names no input', () => {
    expect(failure(422, { error: { code: 'json', message: 'The body is not JSON' } }).advice).toBe(
      'The body is not JSON.',
    );
  });

  it.each([
    ['2', 2],
    ['0.2', 1],
    ['9999', 60],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 0],
    ['', 0],
  ])('takes Retry-After %j as %s s', (header, waitSeconds) => {
    expect(failure(503, undefined, { 'retry-after': header })).toMatchObject({
      kind: 'busy',
      retryable: true,
      waitSeconds,
    });
  });

  it.each([
    [504, 'timeout', true],
    [401, 'refused', false],
    [404, 'refused', false],
    [413, 'refused', false],
    [500, 'broken', true],
    [502, 'broken', true],
  ])('%s is %s', (status, kind, retryable) => {
    const told = failure(status, 'no json at all');
    expect(told).toMatchObject({ kind, retryable });
    expect(told.advice).not.toBe('');
  });

  it('tells a silent gateway from an absent one', () => {
    expect(lost(new DOMException('', 'TimeoutError')).kind).toBe('timeout');
    expect(lost(new TypeError('Failed to fetch')).kind).toBe('network');
  });
});
