import { expect, test as base, type BrowserContext } from '@playwright/test';
import { Guard } from './guard';
import { watchForLife } from './portal';
import { Server, type InstanceOptions } from './server';

export { expect };

interface WorkerFixtures {
  /** What kind of server the tests of a file share. */
  instance: InstanceOptions;
  server: Server;
}

interface TestFixtures {
  /** Whether the test begins signed in. */
  signedIn: boolean;
  guard: Guard;
}

/** Playwright's `test`, with a real server behind `page`, and a guard that no complaint of the browser escapes. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  instance: [{ name: 'shared' }, { option: true, scope: 'worker' }],
  signedIn: [true, { option: true }],

  server: [
    async ({ instance }, use, { project }) => {
      const database = project.name === 'postgres' ? 'postgres' : 'sqlite';
      const server = await Server.start({ database, ...instance });
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  guard: async ({ javaScriptEnabled }, use) => {
    const guard = new Guard(javaScriptEnabled);
    await use(guard);
    expect(guard.complaints, 'what the browser complained about').toEqual([]);
  },

  context: async ({ context, guard, server, signedIn }, use) => {
    guard.watch(context);
    await watchForLife(context);
    if (signedIn) await enter(context, server);
    await use(context);
  },
});

/** Makes a browser signed in, without the page that does it. */
export async function enter(context: BrowserContext, server: Server): Promise<void> {
  await context.addCookies([{ ...(await server.session()), url: server.url }]);
}
