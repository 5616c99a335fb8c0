import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { NeededService } from '../services/needed-service.ts';

/** Real Chromium from the system's package: nothing is downloaded. */
export const neededChromium: NeededService = {
  name: 'Chromium',
  commands: ['chromium'],
  howToGet: 'apt-get install chromium',
};

const artefacts = fileURLToPath(new URL('../../dist/screenshots/', import.meta.url));

export function launchChromium(): Promise<Browser> {
  const executablePath = (process.env.PATH ?? '')
    .split(delimiter)
    .map(folder => join(folder, 'chromium'))
    .find(existsSync);
  return chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
  });
}

/** Kept in dist/screenshots, for people to look at. */
export async function keepScreenshot(page: Page, name: string, fullPage = true): Promise<string> {
  await mkdir(artefacts, { recursive: true });
  const path = `${artefacts}${name}.png`;
  // The room for a scroll bar is empty here, and a header that sticks stands in the middle of a long page. Set by script: the page takes no style from outside.
  await page.evaluate("scrollTo(0, 0); document.documentElement.style.scrollbarGutter = 'auto'");
  await page.screenshot({ path, fullPage, animations: 'disabled' });
  return path;
}
