import { computed, effect, signal } from '@preact/signals';
import { type Address, addressOf } from './address.ts';
import { dayOf, type Zone } from './figures.ts';

/** What the page knows of its browser: address, the time, and what a person chose. */
export const address = signal<Address>(addressOf(location.pathname));
export const nowMs = signal(Date.now());
export const zone = signal<Zone>(stored('faas.zone') === 'utc' ? 'utc' : 'local');
/** Changes once a day: what shows times is not drawn again each second for it. */
export const today = computed(() => dayOf(nowMs.value, zone.value));
export type Theme = 'auto' | 'light' | 'dark';
export const theme = signal<Theme>(themeOf(stored('faas.theme')));

const titles: Readonly<Record<Address['view'], string>> = {
  overview: 'Functions',
  function: '',
  graph: 'Graph',
  schedules: 'Schedules',
  webhooks: 'Webhooks',
  login: 'Sign in',
  nowhere: 'Not found',
};

export function go(path: string): void {
  history.pushState(null, '', path);
  arrive();
  scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

export function arrive(): void {
  const next = addressOf(location.pathname);
  address.value = next;
  document.title = `${next.view === 'function' ? next.name : titles[next.view]} · faas`;
}

/** Links stay within the page; a click with a modifier is the browser's. */
export function followLink(event: MouseEvent): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  const href = link?.getAttribute('href');
  if (href == null || !href.startsWith('/') || link?.target === '_blank') return;
  event.preventDefault();
  if (href !== location.pathname) go(href);
}

export function chooseTheme(next: Theme): void {
  theme.value = next;
  store('faas.theme', next);
}

const darkSystem = matchMedia('(prefers-color-scheme: dark)');
const isSystemDark = signal(darkSystem.matches);
darkSystem.addEventListener('change', event => {
  isSystemDark.value = event.matches;
});
/** What `theme` comes to on this system. */
export const shade = computed(() => (theme.value === 'auto' ? (isSystemDark.value ? 'dark' : 'light') : theme.value));
effect(() => {
  document.documentElement.dataset.shade = shade.value;
});

export function chooseZone(next: Zone): void {
  zone.value = next;
  store('faas.zone', next);
}

function themeOf(text: string | null): Theme {
  return text === 'light' || text === 'dark' ? text : 'auto';
}

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** A browser that keeps nothing shows what was chosen until it is closed. */
function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    return;
  }
}
