import { useEffect, useState } from 'preact/hooks';
import { signIn } from './api.ts';
import { go } from './browser.ts';
import { connection } from './live.ts';

/** Takes the code out of the address, so that it stays in no history, and changes it for a session. */
export function SignIn() {
  const [error, setError] = useState<Error>();
  useEffect(() => {
    const code = location.hash.slice(1);
    history.replaceState(null, '', '/login');
    signIn(code).then(
      () => {
        connection.value = { kind: 'connecting' };
        go('/');
      },
      failure => setError(failure instanceof Error ? failure : new Error(String(failure))),
    );
  }, []);
  if (error === undefined)
    return (
      <div class="card" role="status">
        <h1>Signing in…</h1>
      </div>
    );
  return (
    <div class="card">
      <h1>This link does not work any more</h1>
      <p role="alert">A link signs one browser in, once, within two minutes.</p>
      <HowToSignIn />
    </div>
  );
}

export function SignedOut() {
  return (
    <div class="card">
      <h1>Sign in</h1>
      <p>This browser has no session with the server, or it is over.</p>
      <HowToSignIn />
    </div>
  );
}

function HowToSignIn() {
  return (
    <>
      <p>In a terminal of the machine on which the server runs:</p>
      <pre>faas dashboard</pre>
      <p class="dim">It opens a link that works once.</p>
    </>
  );
}
