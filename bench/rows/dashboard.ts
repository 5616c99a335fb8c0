import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { known } from '../../controller/scale/figure.ts';
import { startAdmin } from '../../test/api/start-admin.ts';
import { launchChromium } from '../../test/dashboard/browser.ts';
import { type Admin, see, signInLink } from '../../test/dashboard/world.ts';
import { isOnPath } from '../../test/services/needed-service.ts';
import { rootFolder } from '../paths.ts';
import { boundRow, PeerMissing, type Row } from '../row.ts';
import { median } from '../statistics.ts';

const functions = 200;
const turns = 5;
const watchMs = 10_000;
const settleMs = 3_000;

const manifest = `version: 1
context: bench
streams:
  orders: { partitions: 2 }
functions:
${Array.from({ length: functions }, (_, index) => `  f${index}:\n    handler: f.ts\n    on:\n      - stream: { streams: [orders] }\n`).join('')}`;

/** The overview of 200 functions, each with new figures every second, in real Chromium. */
export const dashboard: Row = {
  name: 'dashboard',
  async measure() {
    if (!isOnPath('chromium')) throw new PeerMissing('chromium is not here: apt-get install chromium');
    const admin = await startAdmin({ dashboardFolder: `${rootFolder}/dist/dashboard` });
    const browser = await launchChromium();
    const stopping = new AbortController();
    const moving = moveFigures(admin, stopping.signal);
    try {
      const deployed = await admin.deploy(manifest);
      if (deployed.status !== 200) throw new Error(JSON.stringify(deployed.answer));
      const { firstPaintMs, firstRowMs, corePercent } = await watch(browser, admin);
      return [
        boundRow('first paint on localhost', 'ms', firstPaintMs, 500, 0, `all ${functions} rows after ${Math.round(firstRowMs)} ms`),
        boundRow('browser, a snapshot a second', '% of a core', corePercent, 10, 0, `${functions} functions, all processes of Chromium`),
      ];
    } finally {
      stopping.abort();
      await moving;
      await browser.close();
      await admin.close();
    }
  },
};

async function moveFigures(admin: Admin, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn += 1) {
    for (let index = 0; index < functions; index += 1) {
      see(admin, `bench.f${index}`, {
        arrivalRate: known(100 + ((turn * 7 + index) % 50)),
        backlogEvents: known((turn * 13 + index) % 900),
      });
    }
    await sleep(1_000, undefined, { signal }).catch(() => undefined);
  }
}

async function watch(browser: Browser, admin: Admin): Promise<{ firstPaintMs: number; firstRowMs: number; corePercent: number }> {
  const page = await browser.newPage();
  await page.goto(await signInLink(admin));
  await page
    .locator('.functions tbody tr')
    .nth(functions - 1)
    .waitFor();
  const paints: number[] = [];
  const rows: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    await page.goto(`${admin.url}/`);
    await page
      .locator('.functions tbody tr')
      .nth(functions - 1)
      .waitFor();
    rows.push(Number(await page.evaluate('performance.now()')));
    paints.push(Number(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")));
  }
  await page.waitForTimeout(settleMs);
  const session = await browser.newBrowserCDPSession();
  const cpuSeconds = async () => (await session.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, one) => sum + one.cpuTime, 0);
  const before = await cpuSeconds();
  await page.waitForTimeout(watchMs);
  const corePercent = (((await cpuSeconds()) - before) / (watchMs / 1_000)) * 100;
  await page.close();
  return { firstPaintMs: median(paints), firstRowMs: median(rows), corePercent };
}
