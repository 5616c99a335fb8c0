import type { ComponentChildren } from 'preact';
import { signOut } from './api.ts';
import { address, chooseTheme, chooseZone, nowMs, type Theme, theme, zone } from './browser.ts';
import { ago } from './figures.ts';
import { FunctionView } from './function-view.tsx';
import { GraphView } from './graph-view.tsx';
import { connection, retryNow, units } from './live.ts';
import { Overview } from './overview.tsx';
import { SchedulesView } from './schedules-view.tsx';
import { SignedOut, SignIn } from './sign-in.tsx';
import { WebhooksView } from './webhooks-view.tsx';

/** The frame around every view, and the states in which there is none. */
export function Page() {
  const now = address.value;
  if (now.view === 'login')
    return (
      <Bare>
        <SignIn />
      </Bare>
    );
  if (connection.value.kind === 'signed-out')
    return (
      <Bare>
        <SignedOut />
      </Bare>
    );
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header />
      <ConnectionBanner />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <footer>
        Every figure is on the command line too: <code>faas list</code>, <code>faas lag</code>, <code>faas describe</code>.
      </footer>
    </>
  );
}

function Bare({ children }: { readonly children: ComponentChildren }) {
  return (
    <main class="bare" id="main">
      {children}
    </main>
  );
}

function View() {
  const now = address.value;
  switch (now.view) {
    case 'overview':
      return <Overview />;
    case 'function':
      return <FunctionView key={`${now.context}.${now.name}`} context={now.context} name={now.name} />;
    case 'graph':
      return <GraphView />;
    case 'schedules':
      return <SchedulesView />;
    case 'webhooks':
      return <WebhooksView />;
    default:
      return (
        <section class="empty">
          <h1>Nothing is at this address</h1>
          <p>
            <a href="/">All functions</a>
          </p>
        </section>
      );
  }
}

const tabs = [
  ['/', 'Functions', 'overview'],
  ['/graph', 'Graph', 'graph'],
  ['/schedules', 'Schedules', 'schedules'],
  ['/webhooks', 'Webhooks', 'webhooks'],
] as const;

function Header() {
  const { view } = address.value;
  return (
    <header class="top">
      <a class="brand" href="/" aria-label="faas, all functions">
        <img src="/assets/icon.svg" alt="" width="24" height="24" />
        <span>faas</span>
      </a>
      <nav aria-label="Views">
        {tabs.map(([href, text, name]) => (
          <a key={name} href={href} aria-current={view === name || (view === 'function' && name === 'overview') ? 'page' : undefined}>
            {text}
          </a>
        ))}
      </nav>
      <div class="top-end">
        <Pulse />
        <button
          type="button"
          class="quiet"
          onClick={() => chooseZone(zone.value === 'utc' ? 'local' : 'utc')}
          title="Times in your zone or in UTC"
        >
          <span class="visually-hidden">Times in </span>
          {zone.value === 'utc' ? 'UTC' : 'Local'}
        </button>
        <ThemeButton />
        <button type="button" class="quiet wide-only" onClick={() => void signOut().finally(() => location.reload())}>
          Sign out
        </button>
      </div>
    </header>
  );
}

const nextTheme: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const themeText: Readonly<Record<Theme, string>> = { auto: 'Auto', light: 'Light', dark: 'Dark' };

function ThemeButton() {
  return (
    <button type="button" class="quiet" onClick={() => chooseTheme(nextTheme[theme.value])} title="Light, dark, or as the system says">
      <span class="visually-hidden">Colours: </span>
      {themeText[theme.value]}
    </button>
  );
}

function Pulse() {
  const now = connection.value;
  const text = { connecting: 'Connecting', live: 'Live', lost: 'Lost', silent: 'Silent', 'signed-out': 'Signed out' }[now.kind];
  return (
    <span class={`pulse ${now.kind}`} role="status" aria-label={`Connection: ${text}`}>
      <i aria-hidden="true" />
      {text}
    </span>
  );
}

function ConnectionBanner() {
  const now = connection.value;
  if (now.kind !== 'lost' && now.kind !== 'silent') return null;
  return (
    <div class="banner" role="alert">
      <span>
        <strong>{now.kind === 'lost' ? 'Connection lost' : 'No news'}</strong>, {now.why}.{' '}
        {units.value !== undefined && <>The figures below are from {ago(now.sinceMs, nowMs.value)}.</>} Trying again by itself.
      </span>
      <button type="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  );
}
