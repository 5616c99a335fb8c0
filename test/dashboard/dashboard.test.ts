import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { known } from '../../controller/scale/figure.ts';
import { startAdmin } from '../api/start-admin.ts';
import { describeWith } from '../services/needed-service.ts';
import { keepScreenshot, launchChromium, neededChromium } from './browser.ts';
import { hostileTexts } from './hostile-texts.ts';
import {
  type Admin,
  asleep,
  decideAndStart,
  failEvent,
  inboxTopic,
  logError,
  parkKey,
  see,
  sessionOf,
  shop,
  signInLink,
  startShop,
  unit,
} from './world.ts';

const functionAddress = '/functions/shop/customer-totals';
/** Axe and tall screenshots are work, and other tests run beside these. */
vi.setConfig({ testTimeout: 90_000 });

const looks = [
  ['dark', 360],
  ['light', 1280],
] as const;
const views = ['/', functionAddress, '/graph', '/schedules', '/webhooks'] as const;

describeWith(neededChromium, 'the dashboard in Chromium', () => {
  let browser: Browser;
  let admin: Admin;
  const foreign: string[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    [browser, admin] = await Promise.all([launchChromium(), startShop()]);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await admin.close();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map(context => context.close()));
    // No page ever asked anybody else, or threw.
    expect(foreign.splice(0)).toEqual([]);
    expect(faults.splice(0)).toEqual([]);
  });

  /** A view of a browser that is signed in, with all that it waits for. */
  async function open(path: string, options: BrowserContextOptions = {}, of = admin): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light', ...options });
    await context.addCookies([await sessionOf(of)]);
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on('request', request => void (new URL(request.url()).origin === of.url || foreign.push(request.url())));
    page.on('pageerror', error => faults.push(error.message));
    page.on('dialog', dialog => faults.push(`dialog: ${dialog.message()}`));
    await page.goto(`${of.url}${path}`);
    await page.getByRole('status', { name: 'Connection: Live' }).waitFor();
    await page.locator('.waiting').first().waitFor({ state: 'detached' });
    return page;
  }

  test('a link signs a browser in once; without a session nothing is shown', async () => {
    const page = await browser.newPage();
    const link = await signInLink(admin);
    await page.goto(link);
    await page.getByRole('heading', { name: 'Functions' }).waitFor();
    expect(page.url()).toBe(`${admin.url}/`);
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(link);
    await stranger.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
    await stranger.goto(admin.url);
    await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await stranger.content()).not.toContain('customer-totals');
    await keepScreenshot(stranger, 'signed-out');
  });

  test('the overview is sorted by trouble and follows the figures without a jump', async () => {
    see(admin, 'shop.tax', asleep);
    see(admin, 'shop.greet-vip', { oldestAgeMs: known(45_000), backlogEvents: known(4_200) });
    const page = await open('/');
    const names = page.locator('.functions tbody a');
    expect(await names.allTextContents()).toEqual(['shop.greet-vip', 'shop.customer-totals', 'shop.tax']);
    const row = page.getByRole('row', { name: /greet-vip/ });
    expect(await row.textContent()).toContain('Late');
    const before = await page.locator('.functions').boundingBox();
    see(admin, 'shop.greet-vip', { arrivalRate: known(12_500) });
    await row.getByText('12.5k/s').waitFor();
    expect(await page.locator('.functions').boundingBox()).toEqual(before);
    await keepScreenshot(page, 'overview');
  });

  test('a function shows age, capacity, pods, partitions, decisions with their arithmetic, cold starts, errors and state', async () => {
    decideAndStart(admin);
    logError(admin, 'the price of an order is missing');
    const page = await open(functionAddress);
    for (const name of ['Age of the oldest event', 'Arrivals and capacity', 'Pods', 'Partitions', 'Recent errors', 'Dead letters']) {
      await page.getByRole('heading', { name, exact: true }).waitFor();
    }
    expect(await page.locator('.chart canvas').count()).toBe(3);
    expect(await page.locator('.heat tbody th').allTextContents()).toEqual(
      [3, 2, 1, 0].flatMap(partition => [`inbox ${partition}`, `orders ${partition}`]),
    );
    await page.getByText('the price of an order is missing').waitFor();
    await page.getByText('boot 41ms, load 3ms, init 12ms').waitFor();
    await page.getByText('1 → 2 pods').first().click();
    await page.locator('.log').getByText('Arithmetic').waitFor();
    await page.getByRole('heading', { name: 'Revisions' }).waitFor();
    see(admin, unit, { startMs: known(40_000) });
    await page.getByText('maxAge 30s is below the 42s').waitFor();
    const arrivals = page.getByRole('img', { name: /^Events per second/ });
    see(admin, unit, { arrivalRate: known(321) });
    await arrivals.and(page.getByRole('img', { name: /arriving 321\/s/ })).waitFor();
    logError(admin, 'and one that came later');
    await page.getByText('and one that came later').waitFor();
    await keepScreenshot(page, 'function');
  });

  test('parked keys are counted, and a condition says what it means', async () => {
    await parkKey(admin, 'customer-7');
    const parked = {
      unit,
      type: 'Parked',
      place: 'orders.0',
      reason: 'OutOfAttempts',
      message: '1 key of orders waits',
    } as const;
    admin.conditions.raise(parked);
    const page = await open(functionAddress);
    await page.locator('.callout').getByText('1 key of orders waits').waitFor();
    expect(await page.locator('.facts > div', { hasText: 'Parked keys' }).locator('dd').textContent()).toBe('1');
    expect(await page.locator('h1').textContent()).toBe('customer-totals Attention');
    admin.conditions.clear(parked);
    await page.locator('.callout').waitFor({ state: 'detached' });
  });

  test('a dead letter is shown and replayed', async () => {
    await failEvent(admin, 'order-1', 'no price');
    const page = await open(functionAddress);
    const letters = page.getByRole('region', { name: 'Dead letters' });
    await letters.getByText('no price').first().click();
    await letters.getByText('{"id":"order-1"}').waitFor();
    await letters
      .getByRole('button', { name: /^Replay \d/ })
      .first()
      .click();
    await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
    await letters.getByText('1 replayed').waitFor();
    const bounds = await admin.streams.bounds(inboxTopic);
    expect(bounds.reduce((sum, one) => sum + one.endOffset, 0)).toBe(1);
    await keepScreenshot(page, 'dead-letter');
  });

  test('a dead letter is dropped only when it was meant', async () => {
    await failEvent(admin, 'order-2', 'to be dropped');
    const page = await open(functionAddress);
    const letters = page.getByRole('region', { name: 'Dead letters' });
    const row = letters.getByRole('listitem').filter({ hasText: 'to be dropped' }).first();
    await row.getByRole('button', { name: /^Drop/ }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await row.getByRole('button', { name: /^Drop/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drop' }).click();
    await row.getByText('Dropped', { exact: true }).waitFor();
  });

  test('a revision is rolled back', async () => {
    const before = (await admin.registry.functions()).find(one => one.unit === unit)?.live.id;
    await admin.deploy(shop.replace('emits: [vips]', 'emits: [vips]\n    limits: { timeout: 7s }'));
    const page = await open(functionAddress);
    await page.getByRole('button', { name: `Roll back to ${before}` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
    await page
      .locator('.function-title code')
      .getByText(before ?? '')
      .waitFor();
    expect((await admin.registry.functions()).find(one => one.unit === unit)?.live.id).toBe(before);
  });

  test('the graph shows what leads where, with rates', async () => {
    const page = await open('/graph');
    await page.getByRole('link', { name: /shop\.customer-totals, Busy/ }).waitFor();
    const row = page.getByRole('row', { name: /stream orders reads shop.customer-totals/ });
    expect(await row.textContent()).toContain('100/s');
    await keepScreenshot(page, 'graph');
    await page.getByRole('link', { name: /shop\.tax, / }).click();
    await page.getByRole('heading', { name: /^tax/ }).waitFor();
    expect(page.url()).toBe(`${admin.url}/functions/shop/tax`);
    await page.goBack();
    await page.getByRole('heading', { name: 'Graph' }).waitFor();
  });

  test('schedules show the next run in the viewer’s zone, and in UTC when asked', async () => {
    const page = await open('/schedules', { timezoneId: 'Europe/Kyiv' });
    expect(await page.locator('tbody tr').textContent()).toMatch(/shop\.tax.*0 6 \* \* \*Europe\/Kyiv.*06:00:00in \d/);
    await page.getByRole('button', { name: /Times in/ }).click();
    await page.getByText(/0[34]:00:00 UTC/).waitFor();
    await keepScreenshot(page, 'schedules');
  });

  test('webhooks show accepted and refused as they come in', async () => {
    const page = await open('/webhooks');
    await page.getByText('Nothing was delivered yet').waitFor();
    const data = { path: '/stripe', verify: 'stripe', bytes: 120 };
    admin.history.write({ kind: 'webhook', atMs: Date.now(), unit, data: { ...data, outcome: 'accepted', id: 'evt_1' } });
    admin.history.write({ kind: 'webhook', atMs: Date.now(), unit, data: { ...data, outcome: 'refused', reason: 'signature' } });
    await page.getByText('evt_1').waitFor();
    await page
      .locator('.plain tbody tr', { hasText: '/hooks/shop/stripe' })
      .filter({ hasText: /stripe1010/ })
      .waitFor();
    await keepScreenshot(page, 'webhooks');
  });

  test('a lost connection is said, the figures stay, and it comes back by itself', async () => {
    const page = await open('/');
    await admin.close();
    await page.getByRole('alert').getByText('Connection lost').waitFor();
    expect(await page.locator('.functions tbody tr').count()).toBe(3);
    await keepScreenshot(page, 'connection-lost');
    const again = await startAdmin({ token: admin.token, settings: { ...admin.settings, 'admin.port': admin.port } });
    expect((await again.deploy(shop.replace('greet-vip:', 'greet-friend:'))).status).toBe(200);
    await page.getByRole('status', { name: 'Connection: Live' }).waitFor();
    await page.getByText('greet-friend').waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await again.close();
    admin = await startShop();
  });

  test('the keyboard is enough', async () => {
    await failEvent(admin, 'order-3', 'for the keyboard');
    const page = await open('/');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to content');
    await page.keyboard.press('/');
    await page.keyboard.type('customer');
    await page.getByText('1 of 3').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /customer-totals/ }).waitFor();
    const replay = page.getByRole('button', { name: 'Replay all' });
    await replay.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Replay all');
  });

  test.each(views)('%s fits 360 px, light and dark, and has no violation that axe finds', async path => {
    await failEvent(admin, 'order-4', 'for axe');
    const page = await open(path, { colorScheme: 'dark', viewport: { width: 360, height: 860 } });
    for (const summary of await page.locator('summary').all()) await summary.click();
    await page.locator('.waiting').first().waitFor({ state: 'detached' });
    await page.evaluate(axe.source);
    for (const [colorScheme, width] of looks) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 860 });
      await page.locator(`html[data-shade=${colorScheme}]`).waitFor();
      const room = await page.locator(':root').evaluate(root => Math.max(0, root.scrollWidth - root.clientWidth));
      const ground = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
      expect([room, ground]).toEqual([0, colorScheme === 'dark' ? 'rgb(13, 16, 23)' : 'rgb(246, 247, 249)']);
      expect(await violationsOf(page)).toEqual([]);
      await keepScreenshot(page, `${path === '/' ? 'overview' : path.split('/')[1]}-${colorScheme}-${width}`);
    }
  });

  test('a server without functions says what to do, an address without a function says so', async () => {
    const bare = await startAdmin();
    const page = await open('/', {}, bare);
    await page.getByText('faas init shop').waitFor();
    await page.goto(`${bare.url}/functions/shop/nobody`);
    await page.getByRole('heading', { name: 'There is no such function' }).waitFor();
    await page.evaluate(axe.source);
    expect(await violationsOf(page)).toEqual([]);
    await keepScreenshot(page, 'no-such-function');
    await bare.close();
  });

  test('hostile names, logs, errors and payloads are shown as text', async () => {
    const house = await startAdmin();
    await house.deploy(shop);
    const [context] = await house.registry.contexts();
    const live = (await house.registry.functions())[0]?.live;
    if (context === undefined || live === undefined) throw new Error('nothing was deployed');
    const functions = hostileTexts.map(name => ({ ...live.spec, name }));
    const revisions = await house.registry.putRevisions(
      'shop',
      functions.map((spec, index) => ({
        ...live,
        functionName: spec.name,
        spec,
        hash: `${String(index).padStart(2, '0')}${live.hash.slice(2)}`,
      })),
    );
    const ids = new Map(revisions.map((one, index) => [functions[index]?.name ?? '', one.id]));
    await house.registry.activate(
      { ...context.spec, functions: [...context.spec.functions, ...functions] },
      new Map([...ids, ['customer-totals', live.id]]),
      Date.now(),
    );
    for (const text of hostileTexts) {
      await failEvent(house, `id ${text}`, text, text);
      logError(house, text);
    }
    const page = await open('/', {}, house);
    await page.getByText(`${hostileTexts.length + 1} in all`).waitFor();
    const names = await page.locator('.functions tbody a').allTextContents();
    for (const text of hostileTexts) expect(names).toContain(`shop.${text}`);
    await page.goto(`${house.url}${functionAddress}`);
    await page
      .locator('.letters li')
      .nth(hostileTexts.length - 1)
      .waitFor();
    const shown = await page.locator('main').evaluate(main => main.textContent ?? '');
    for (const text of hostileTexts) expect(shown.split(text).length).toBeGreaterThan(2);
    for (const summary of await page.locator('.letters summary').all()) await summary.click();
    await page.locator('.letter pre').nth(hostileTexts.length).waitFor();
    expect(await page.locator('main').locator('script, iframe, img, style, [onerror], [onload]').count()).toBe(0);
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    await keepScreenshot(page, 'hostile');
    await house.close();
  });

  test('a change without the header of the session is refused, whatever the cookie', async () => {
    const page = await open('/');
    const { status, text } = await page.evaluate(async () => {
      const response = await fetch(`/v1/functions/shop/customer-totals/dead-letters/replay`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ all: true }),
      });
      return { status: response.status, text: await response.text() };
    });
    expect([status, JSON.parse(text).code]).toEqual([403, 'FAAS_API_CSRF']);
  });
});

function violationsOf(page: Page): Promise<unknown> {
  return page.evaluate(
    'axe.run().then(result => result.violations.map(one => [one.id, one.nodes[0]?.html, one.nodes[0]?.failureSummary].join(" ")))',
  );
}
