// The scopes to filter by, in the order of crates/domain/src/catalogue.toml.
export const GROUPS = [
  ['Repositories', ['repos:read', 'repos:write']],
  ['Scans', ['scans:read', 'scans:trigger']],
  ['Drifts', ['drifts:read', 'drifts:write']],
  ['Runners', ['runners:read', 'runners:manage']],
  ['Portal', ['tokens:read', 'tokens:manage', 'tokens:introspect', 'org:read']],
  ['Instance', ['orgs:create', 'members:invite', 'cas-backends:manage']],
];

const PLACES = new Map(GROUPS.flatMap(([, scopes]) => scopes).map((scope, place) => [scope, place]));

/** Resources with their actions, in the order of the catalogue. */
export function grouped(scopes) {
  const place = (scope) => PLACES.get(scope) ?? PLACES.size;
  const groups = new Map();
  for (const scope of scopes.toSorted((a, b) => place(a) - place(b))) {
    const [resource, action] = scope.split(':');
    const actions = groups.get(resource);
    if (actions) actions.push(action);
    else groups.set(resource, [action]);
  }
  return [...groups];
}
