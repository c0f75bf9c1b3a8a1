import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

const gateway = process.env['ASTROSCALE_GATEWAY_URL'] ?? 'http://127.0.0.1:8080';
const routes = ['/predict', '/model', '/ledger', '/healthz', '/readyz', '/metrics', '/docs', '/openapi.json'];

export default defineConfig({
  plugins: [tailwindcss(), svelte(), svelteTesting()],
  build: {
    outDir: '../services/gateway/src/astroscale_gateway/static',
    emptyOutDir: true,
  },
  server: {
    host: '127.0.0.1',
    port: 5173,
    strictPort: true,
    proxy: Object.fromEntries(routes.map((route) => [route, { target: gateway }])),
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./tests/setup.ts'],
    restoreMocks: true,
  },
});
