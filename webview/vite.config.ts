// Builds the webview into dist/webview/main.js and main.css: fixed names, one chunk, nothing inline (strict CSP).

import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  root: here,
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist/webview',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    cssCodeSplit: false,
    // The extension loads the file by name; a warning about its size would be about d3 and React themselves.
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      input: fileURLToPath(new URL('main.tsx', import.meta.url)),
      output: { entryFileNames: 'main.js', assetFileNames: 'main[extname]', codeSplitting: false },
    },
  },
});
