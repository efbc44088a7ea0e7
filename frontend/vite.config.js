import { defineConfig } from 'vite';
import { cornerstoneDiet } from './cornerstone-diet.js';
import { thirdParty } from './third-party.js';

// The decode worker is bundled apart from the page; one register of packages serves both.
const packages = thirdParty();

export default defineConfig({
  // Every file finds the others through its own address, so the build knows nothing of STATIC_URL.
  base: './',
  publicDir: false,
  plugins: [cornerstoneDiet(), packages.collect(), packages.write()],
  worker: { format: 'es', plugins: () => [cornerstoneDiet(), packages.collect()] },
  build: {
    outDir: '../studies/static/viewer',
    emptyOutDir: true,
    manifest: 'manifest.json',
    target: 'es2022',
    assetsInlineLimit: 0, // wasm as data: addresses would need a weaker Content-Security-Policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { viewer: 'src/main.js' },
      // Libraries in a chunk of their own: an edit of the page commits a small file, not 3 MB.
      output: { codeSplitting: { groups: [{ name: 'cornerstone', test: /node_modules/ }] } },
    },
  },
});
