import type { BrowserContext, ConsoleMessage, Request, Response } from '@playwright/test';

/** Watches a browser: whatever it complains about is kept, and fails the test at its end. */
export class Guard {
  readonly complaints: string[] = [];
  private readonly expected = new Set<number>();

  /** @param scripts whether they run in this browser */
  constructor(private readonly scripts: boolean) {}

  /** Statuses that the test provokes on purpose; the browser reports each to the console. */
  expectStatus(...statuses: number[]): void {
    for (const status of statuses) this.expected.add(status);
  }

  watch(context: BrowserContext): void {
    context.on('console', (message) => this.onConsole(message));
    context.on('weberror', (error) => this.complaints.push(`error in the page: ${error.error()}`));
    context.on('requestfailed', (request) => this.onFailure(request));
    context.on('response', (response) => this.onResponse(response));
  }

  private onConsole(message: ConsoleMessage): void {
    const status = /^Failed to load resource: the server responded with a status of (\d+)/.exec(message.text());
    if (status && this.expected.has(Number(status[1]))) return;
    // It is used as soon as the machine gets to it, and never where scripts are off.
    if (message.text().includes('was preloaded using link preload but not used within a few seconds')) return;
    // Whoever is faster than the page has put the focus where they want it.
    if (message.text().startsWith('Autofocus processing was blocked because a document already has a focused element')) return;
    this.complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  }

  private onFailure(request: Request): void {
    const reason = request.failure()?.errorText;
    // The page's own doing: it went elsewhere, asked something newer, or its answer became a download.
    if (reason === 'net::ERR_ABORTED') return;
    // Back at the answer to a form, Chromium asks whether to send it again.
    if (reason === 'net::ERR_CACHE_MISS') return;
    // What Chromium calls a script that it does not fetch because scripts are off.
    if (reason === 'csp' && !this.scripts) return;
    this.complaints.push(`request failed: ${request.method()} ${request.url()}: ${reason}`);
  }

  private onResponse(response: Response): void {
    if (response.status() < 400 || this.expected.has(response.status())) return;
    this.complaints.push(`status ${response.status()}: ${response.request().method()} ${response.url()}`);
  }
}
