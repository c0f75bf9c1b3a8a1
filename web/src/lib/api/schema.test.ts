// @vitest-environment node
import { readFile } from 'node:fs/promises';

import openapiTS, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('is generated from the openapi.json beside it: `npm run api`', { timeout: 20_000 }, async () => {
  const generated = astToString(await openapiTS(new URL('../../../openapi.json', import.meta.url)));
  const kept = await readFile(new URL('./schema.d.ts', import.meta.url), 'utf8');
  expect(kept).toContain(generated.trim());
});
