import { organizationNames } from '#lib/server/database.js';

export function load({ locals: { user, organization } }) {
  const { name, threshold, role } = organization;
  return { email: user.email, organization: { name, threshold, role }, organizations: organizationNames(user) };
}
