// What the page asks of the database: prepared once, on one connection that only reads, as large in memory as ours.
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { building } from '$app/env';

const MINUTE = 60e6; // in microseconds, as all times of the database
const DAY = 24 * 60 * MINUTE;
const COUNT_MAX = 1_000;
const PAGE = 50;

// While SvelteKit builds, it imports this too, and there is no database.
const db = building ? undefined : open(process.env.PEER_DATABASE);
const prepare = (sql) => db?.prepare(sql);

function open(path) {
  const db = new DatabaseSync(path, { readOnly: true });
  db.exec('PRAGMA mmap_size = 268435456; PRAGMA cache_size = -8192; PRAGMA temp_store = memory');
  return db;
}

const now = () => Date.now() * 1_000;
const millis = (time) => Math.floor(time / 1_000);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const uuid = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const session = prepare(`
  SELECT u.id, u.email FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.hash = ? AND s.created_at >= ? AND s.last_seen_at >= ? AND u.locked_at IS NULL`);

/** The user of a session that is neither too old nor idle for too long. */
export function userOfSession(cookie) {
  const id = Buffer.from(cookie, 'base64url');
  if (id.length !== 16) return undefined;
  const hash = createHash('sha256').update(id).digest();
  return session.get(hash, now() - 7 * DAY, now() - 12 * 60 * MINUTE);
}

const organization = prepare(`
  SELECT o.id, o.name, o.threshold_days AS threshold, m.role FROM organizations o
  JOIN memberships m ON m.organization_id = o.id AND m.user_id = ? WHERE o.name = ? AND o.deleted_at IS NULL`);

/** The organization with the user's role in it, if they have one. */
export function organizationOf(user, name) {
  return organization.get(user.id, name);
}

const organizations = prepare(`
  SELECT o.name FROM memberships m JOIN organizations o ON o.id = m.organization_id
  WHERE m.user_id = ? AND o.deleted_at IS NULL ORDER BY o.name LIMIT 100`);

/** Names of the organizations that a user can switch to. */
export function organizationNames(user) {
  return organizations.all(user.id).map(({ name }) => name);
}

const projects = prepare(
  'SELECT name FROM projects WHERE organization_id = ? AND deleted_at IS NULL ORDER BY name LIMIT 200',
);

/** Names of the projects to filter by. */
export function projectNames({ id }) {
  return projects.all(id).map(({ name }) => name);
}

const limited = (condition, order) =>
  `(SELECT count(*) FROM (SELECT 1 FROM api_tokens WHERE list_id = $list AND phase = 0 ${condition} ORDER BY ${order} LIMIT ${COUNT_MAX + 1}))`;
const counts = prepare(`SELECT
  ${limited('', 'id DESC')} AS active,
  ${limited('AND expires_key < $soon', 'expires_key, id')} AS expiring,
  ${limited('AND idle_key < $idle', 'idle_key, id')} AS unused`);

/** The numbers above the list; each ends at one more than is shown. */
export function countsOf({ id }) {
  const { active, expiring, unused } = counts.get({ $list: id, $soon: now() + 7 * DAY, $idle: now() - 30 * DAY });
  return { active, expiring, unused };
}

const columns = `t.id, t.name, t.prefix, t.description, t.level, t.scopes, t.all_repositories, t.created_at,
  t.created_by_id, t.created_by_name, t.expires_at, t.last_used_at,
  (SELECT p.name FROM projects p WHERE p.id = t.project_id) AS project`;
const newest = prepare(`
  SELECT ${columns} FROM api_tokens t
  WHERE t.list_id = $list AND t.phase = 0 AND (t.expires_at IS NULL OR t.expires_at > $now) AND t.id < $before
  ORDER BY t.id DESC LIMIT ${PAGE + 1}`);
const repositories = prepare(`
  SELECT r.token_id AS token, p.name FROM json_each(?) ids
  JOIN api_token_repositories r ON r.token_id = unhex(ids.value)
  JOIN repositories p ON p.id = r.repository_id ORDER BY p.name`);

const FROM_THE_NEWEST = Buffer.alloc(16, 0xff);

/** A page of active tokens, newest first, after the one whose id is `after`. */
export function newestTokens({ id }, after) {
  const before = after ? Buffer.from(after.replaceAll('-', ''), 'hex') : FROM_THE_NEWEST;
  const rows = newest.all({ $list: id, $now: now(), $before: before });
  const more = rows.length > PAGE;
  if (more) rows.pop();
  const named = new Map();
  const listing = rows.filter((row) => !row.all_repositories);
  if (listing.length > 0) {
    for (const { token, name } of repositories.all(JSON.stringify(listing.map((row) => hex(row.id))))) {
      const key = hex(token);
      const names = named.get(key);
      if (names) names.push(name);
      else named.set(key, [name]);
    }
  }
  const tokens = rows.map((row) => ({
    id: uuid(row.id),
    name: row.name,
    prefix: row.prefix,
    description: row.description,
    level: row.level,
    project: row.project,
    scopes: row.scopes.split(' '),
    allRepositories: row.all_repositories === 1,
    repositories: named.get(hex(row.id)) ?? [],
    createdAt: millis(row.created_at),
    createdBy: { id: row.created_by_id && uuid(row.created_by_id), name: row.created_by_name },
    expiresAt: row.expires_at && millis(row.expires_at),
    usedAt: row.last_used_at && millis(row.last_used_at),
  }));
  return { tokens, more };
}
