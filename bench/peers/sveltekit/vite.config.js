import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  // Compressed files are for browsers, and none asks here.
  plugins: [sveltekit({ adapter: adapter({ precompress: false }) })],
});
