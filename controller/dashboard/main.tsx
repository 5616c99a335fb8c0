import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/views.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { address, arrive, followLink } from './browser.ts';
import { look, stop, watch } from './live.ts';
import { Page } from './page.tsx';

const root = document.getElementById('app');
arrive();
addEventListener('popstate', arrive);
addEventListener('click', followLink);
setInterval(look, 1_000);
let watched: string | undefined;
effect(() => {
  const now = address.value;
  if (now.view === 'login') {
    watched = undefined;
    stop();
    return;
  }
  const wish = now.view === 'function' ? { unit: `${now.context}.${now.name}` } : now.view === 'webhooks' ? { webhooks: true } : {};
  const text = JSON.stringify(wish);
  // The stream stays where two views wish for the same.
  if (text === watched) return;
  watched = text;
  watch(wish);
});
if (root !== null) {
  root.textContent = '';
  render(<Page />, root);
}
