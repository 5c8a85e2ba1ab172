// A certified OpenID provider on loopback, standing in for Google. Arguments, as one JSON object:
// port, clientId, clientSecret, redirectUris; then the folder of the packages. Prints "ready" when it
// listens and ends with its standard input.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { port, clientId, clientSecret, redirectUris } = JSON.parse(process.argv[2]);
const modules = createRequire(`${process.argv[3]}/`);
const { Provider } = await import(pathToFileURL(modules.resolve('oidc-provider')));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: redirectUris,
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  claims: { openid: ['sub'], email: ['email'], profile: ['given_name', 'picture'] },
  // Claims of the user info endpoint only, as Google does for an access token's owner.
  conformIdTokenClaims: true,
  pkce: { required: () => true },
  cookies: { keys: ['a key of these tests'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.com`,
      given_name: `Given ${id}`,
      picture: `https://example.com/${id}.png`,
    }),
  }),
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit()).resume();
