import { expect, type Page } from '@playwright/test';
import { goto, newTokenPath, scriptsRun } from './portal';

/** The page that makes a token, as a person uses it. */
export class NewToken {
  constructor(readonly page: Page) {}

  async open(query = ''): Promise<void> {
    await goto(this.page, newTokenPath + query);
    await expect(this.heading).toHaveText('New token');
  }

  get heading() {
    return this.page.getByRole('heading', { level: 1 });
  }
  get created() {
    return this.page.getByRole('heading', { level: 1, name: 'Token created' });
  }
  get name() {
    return this.page.getByRole('textbox', { name: 'Name', exact: true });
  }
  get description() {
    return this.page.getByRole('textbox', { name: 'Description' });
  }
  get summary() {
    return this.page.locator('#summary');
  }
  get find() {
    return this.page.getByRole('searchbox', { name: 'Find repositories' });
  }
  get found() {
    return this.page.getByRole('list', { name: 'Repositories found' }).getByRole('checkbox');
  }
  /** What `found` was searched for. */
  get searched() {
    return this.page.locator('input[name=found]');
  }
  get chosen() {
    return this.page.getByRole('list', { name: 'Chosen repositories' }).getByRole('checkbox');
  }
  get problems() {
    return this.page.getByRole('alert');
  }
  get secret() {
    return this.page.getByRole('textbox', { name: 'Secret' });
  }

  scope(name: string) {
    return this.page.getByRole('checkbox', { name: new RegExp(`^${name} `) });
  }

  access(choice: 'All repositories' | 'Only these') {
    return this.page.getByRole('radio', { name: choice });
  }

  expires(choice: string) {
    return this.page.getByRole('radio', { name: choice });
  }

  button(name: string) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** Searches for a repository and ticks it. */
  async choose(repository: string): Promise<void> {
    await this.find.fill(repository);
    if (!(await scriptsRun(this.page))) await this.button('Find').click();
    // The list is made anew when the answer comes.
    await expect(this.searched).toHaveValue(repository);
    await this.found.and(this.page.getByLabel(repository, { exact: true })).check();
  }

  /** Takes a chosen one away again. */
  async unchoose(repository: string): Promise<void> {
    await this.page.getByRole('list', { name: 'Chosen repositories' }).getByText(repository, { exact: true }).click();
  }

  /** The least that makes a token. */
  async fill(name: string): Promise<void> {
    await this.name.fill(name);
    await this.scope('repos:read').check();
    await this.access('All repositories').check();
  }

  /** Sends the form and returns the secret. */
  async create(): Promise<string> {
    await this.button('Create token').click();
    await expect(this.created).toBeVisible();
    const secret = await this.secret.inputValue();
    expect(secret).toMatch(/^ci_[0-9A-Za-z]{36}$/);
    return secret;
  }
}
