import { organizationOf, userOfSession } from '#lib/server/database.js';
import { error, redirect } from '@sveltejs/kit';

/** Who asks, by the cookie, and the organization that they ask about, if they are in it. */
export function handle({ event, resolve }) {
  const cookie = event.cookies.get('latchkey');
  const user = cookie && userOfSession(cookie);
  if (!user) redirect(303, '/login');
  const { organization: name } = event.params;
  const organization = name && organizationOf(user, name);
  if (!organization) error(404, 'There is no such organization');
  event.locals.user = user;
  event.locals.organization = organization;
  return resolve(event);
}
