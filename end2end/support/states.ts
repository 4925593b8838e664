import { expect, type Page } from '@playwright/test';
import { NewToken } from './new-token';
import { askToRevoke, goto, join, live, paths } from './portal';
import type { Server } from './server';

const acme = paths('acme');

/** A page of the portal in one of its states: what there is to look at. The server has the example organization. */
export interface State {
  name: string;
  /** To look at before signing in. */
  signedOut?: boolean;
  /** Statuses that leading there provokes. */
  statuses?: number[];
  open: (page: Page, server: Server) => Promise<unknown>;
}

export const states: State[] = [
  { name: 'sign-in', signedOut: true, open: (page) => goto(page, '/login') },
  {
    name: 'sign-in-refused',
    signedOut: true,
    statuses: [422, 429],
    open: async (page) => {
      await goto(page, '/login');
      await page.getByLabel('Email').fill('nobody@example.com');
      await page.getByLabel('Password').fill('not the right one');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('alert')).toBeVisible();
    },
  },
  {
    name: 'sign-in-again',
    signedOut: true,
    statuses: [401],
    open: async (page, server) => {
      await page.context().addCookies([{ ...(await server.session()), url: server.url }]);
      await goto(page, acme.autoRevoke);
      await page.context().clearCookies();
      await page.locator('#sweep-form').evaluate((form: HTMLFormElement) => form.submit());
      await expect(page.getByText('Your session has ended')).toBeVisible();
      await live(page);
    },
  },
  { name: 'join', signedOut: true, open: async (page, server) => goto(page, await (await server.api()).invite('acme')) },
  {
    name: 'join-refused',
    signedOut: true,
    statuses: [422],
    open: async (page, server) => {
      await goto(page, await (await server.api()).invite('acme'));
      await join(page, 'short');
      await expect(page.getByRole('alert')).toBeVisible();
    },
  },
  { name: 'join-gone', signedOut: true, statuses: [404], open: (page) => goto(page, '/join?link=lkj_spent') },
  { name: 'reference', signedOut: true, open: (page) => goto(page, '/docs/api') },
  { name: 'list', open: (page) => goto(page, acme.tokens) },
  { name: 'list-all', open: (page) => goto(page, `${acme.tokens}?status=all&q=drift`) },
  {
    name: 'list-filters',
    open: async (page) => {
      await goto(page, `${acme.tokens}?scope=runners:manage`);
      await page.locator('#more-filters').click();
      await expect(page.getByLabel('Scope')).toBeVisible();
    },
  },
  { name: 'list-nothing-found', open: (page) => goto(page, `${acme.tokens}?q=no-such-thing`) },
  {
    name: 'list-menu',
    open: async (page) => {
      await goto(page, `${acme.tokens}?q=github`);
      // The last one: an open menu covers what is below it, and axe takes that for a target too small.
      await page.locator('summary[aria-label^="Actions for"]').last().click();
    },
  },
  {
    name: 'list-revoke',
    open: async (page) => {
      await goto(page, `${acme.tokens}?q=GitHub`);
      await askToRevoke(page, 'GitHub Actions CI');
    },
  },
  {
    name: 'list-selected',
    open: async (page) => {
      await goto(page, `${acme.tokens}?q=drift`);
      for (const at of [0, 2]) await page.getByRole('checkbox', { name: /^Select (?!all)/ }).nth(at).check();
    },
  },
  { name: 'new', open: (page) => goto(page, acme.newToken) },
  {
    name: 'new-filled',
    open: async (page) => {
      await goto(page, `${acme.newToken}?name=Nightly&scopes=scans:read,scans:trigger&expires=none&repositories=acme/api-gateway,acme/data-cli`);
      await page.locator('summary', { hasText: 'Description' }).click();
      await page.getByText('Advanced').click();
    },
  },
  {
    name: 'new-refused',
    statuses: [422],
    open: async (page) => {
      await goto(page, acme.newToken);
      await new NewToken(page).button('Create token').click();
      await expect(page.getByRole('alert')).toBeVisible();
    },
  },
  {
    name: 'reveal',
    open: async (page) => {
      await goto(page, acme.newToken);
      const form = new NewToken(page);
      await form.fill(`To be seen ${Date.now()}${Math.random()}`);
      await form.create();
    },
  },
  { name: 'auto-revoke', open: (page) => goto(page, acme.autoRevoke) },
  {
    name: 'auto-revoke-question',
    open: async (page) => {
      await goto(page, `${acme.autoRevoke}?days=30`);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
    },
  },
  { name: 'not-found', statuses: [404], open: (page) => goto(page, '/orgs/nowhere/settings/tokens') },
];

/** Opens a state and waits until nothing moves. */
export async function show(page: Page, server: Server, state: State): Promise<void> {
  await state.open(page, server);
  await live(page);
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null))));
}
