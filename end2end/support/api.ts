import { randomUUID } from 'node:crypto';

/** The programmatic side, as a script uses it. */
export class Api {
  private constructor(
    private readonly url: string,
    private readonly credential: string,
  ) {}

  /** With a user token, for an email and a password. */
  static async login(url: string, email: string, password: string): Promise<Api> {
    const response = await fetch(`${url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    });
    if (!response.ok) throw new Error(`can't log in: ${response.status} ${await response.text()}`);
    const { token } = (await response.json()) as { token: string };
    return new Api(url, token);
  }

  /** With the secret of an API token, as a pipeline has it. */
  static pipeline(url: string, secret: string): Api {
    return new Api(url, secret);
  }

  async request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.credential}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  /** The answer to a request that must succeed. */
  private async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.request(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  whoami(): Promise<WhoAmI> {
    return this.send('GET', '/api/auth/whoami');
  }

  /** Those within reach, the first page of them. */
  async repositories(): Promise<{ id: string; name: string }[]> {
    return (await this.send<{ items: { id: string; name: string }[] }>('GET', '/api/repos')).items;
  }

  createRepository(name: string): Promise<{ id: string; name: string }> {
    return this.send('POST', '/api/repos', { name });
  }

  /** Several at a time: thousands take seconds. */
  async createRepositories(names: string[]): Promise<void> {
    for (let start = 0; start < names.length; start += 20) {
      await Promise.all(names.slice(start, start + 20).map((name) => this.createRepository(name)));
    }
  }

  createToken(token: Partial<NewToken> & { name: string }): Promise<ApiToken & { token: string }> {
    return this.send('POST', '/api/auth/cli-tokens', { scopes: ['repos:read'], allRepositories: true, ...token });
  }

  async tokens(query = ''): Promise<ApiToken[]> {
    return (await this.send<{ items: ApiToken[] }>('GET', `/api/auth/cli-tokens${query}`)).items;
  }

  /** Invites somebody new, and returns the link that makes an account. */
  async invite(organization: string): Promise<string> {
    const email = `guest-${randomUUID()}@example.com`;
    return (await this.send<{ link: string }>('POST', `/api/orgs/${organization}/invitations`, { email, role: 'viewer' })).link;
  }

  revoke(id: string): Promise<void> {
    return this.send('DELETE', `/api/auth/cli-tokens/${id}`);
  }
}

export interface NewToken {
  name: string;
  description: string;
  scopes: string[];
  allRepositories: boolean;
  repositories: string[];
  expiresIn: string;
}

export interface ApiToken {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  allRepositories: boolean;
  repositories: string[];
  status: string;
  lastUsedAt: string | null;
  revokedReason: string | null;
}

export interface WhoAmI {
  name: string;
  scopes: string[];
  repositories: string[];
}
