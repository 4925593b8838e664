import { countsOf, newestTokens, projectNames, uuid } from '#lib/server/database.js';

export function load({ locals: { user, organization }, url }) {
  return {
    now: Date.now(),
    me: uuid(user.id),
    counts: countsOf(organization),
    projects: projectNames(organization),
    ...newestTokens(organization, url.searchParams.get('after')),
  };
}
