import { defineConfig, devices, type Project } from '@playwright/test';

/** Tests say by tags where they run besides the desktop: `@phone`, `@noscript`, `@postgres`. */
const projects: Project[] = [
  { name: 'desktop', use: { viewport: { width: 1440, height: 900 } }, grepInvert: /@only-/ },
  { name: 'phone', use: { ...devices['Pixel 5'], viewport: { width: 390, height: 844 } }, grep: /@(only-)?phone/ },
  { name: 'noscript', use: { viewport: { width: 1440, height: 900 }, javaScriptEnabled: false }, grep: /@(only-)?noscript/ },
  { name: 'postgres', use: { viewport: { width: 1440, height: 900 } }, grep: /@(only-)?postgres/ },
];

export default defineConfig({
  testDir: 'tests',
  outputDir: 'artifacts/failures',
  reporter: [['list'], ['json', { outputFile: 'artifacts/results.json' }]],
  projects,
  workers: 2,
  // What fails twice is broken. Retried tests are listed as flaky.
  retries: process.env.CI ? 1 : 0,
  forbidOnly: !!process.env.CI,
  // Long, because machines differ: nothing but a failure ever waits so long.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    // Nothing moves: what a test looks at is not on its way to somewhere else, however slow the machine.
    contextOptions: { reducedMotion: 'reduce' },
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.LATCHKEY_TEST_BROWSER || undefined,
      args: [
        // Containers run tests as root, where the sandbox can't work.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        // Nothing but the page itself asks the network for anything.
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
