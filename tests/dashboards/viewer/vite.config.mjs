import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  build: { minify: false, target: 'es2022', chunkSizeWarningLimit: 99999 },
  define: { 'process.env.NODE_ENV': '"production"' },
  esbuild: { jsx: 'automatic' },
});
