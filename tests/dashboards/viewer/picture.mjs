// picture.mjs URL OUT.png WIDTH PANELS: takes a picture of the whole page once so many panels have their data.
import { chromium } from 'playwright-core';

/** In the page: how many plots have but one colour. */
function blankPlots() {
  const isBlank = (canvas) => {
    const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    return pixels.every((pixel) => pixel === pixels[0]);
  };
  return [...document.querySelectorAll('.uplot canvas')].filter(isBlank).length;
}

const [url, out, width, panels] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: Number(width), height: 1000 }, timezoneId: 'UTC' });
const mistakes = [];
page.on('pageerror', (error) => mistakes.push(String(error).slice(0, 300)));
try {
  await page.goto(url);
  await page.waitForFunction((count) => window.done >= count, Number(panels), { timeout: 30_000 });
  const { height } = await page.locator('#board').boundingBox();
  await page.setViewportSize({ width: Number(width), height: Math.ceil(height) });
  await page.waitForTimeout(1_000); // the plots are drawn after their data has come
  await page.screenshot({ path: out });
  mistakes.push(...(await page.evaluate(() => window.mistakes)));
  const blank = await page.evaluate(blankPlots);
  if (blank) {
    mistakes.push(`${blank} plots are blank`);
  }
} catch (error) {
  mistakes.push(String(error));
} finally {
  await browser.close();
}
for (const mistake of mistakes) {
  console.error(mistake);
}
process.exit(mistakes.length ? 1 : 0);
