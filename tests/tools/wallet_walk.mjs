// A customer in Chromium at the size of a phone: opens the link of the bank's app, makes a code, and looks
// at every page in both languages, light and dark, in elder mode, with forced colours and at 200 %. Each
// page is held against axe-core, and the code is read from the picture by jsQR. Prints one JSON: what was
// refused, what was asked of other hosts, the codes that were read, and the weights.
//
//   node wallet_walk.mjs URL TOKEN NODE_MODULES [FOLDER]
//
// TOKEN: the customer's, as the bank's app has it. With a folder, a picture of each page is kept there.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [url, token, modules, folder] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const { PNG } = require("pngjs");
const jsQR = require("jsqr");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const found = { violations: [], errors: [], elsewhere: [], misread: [], pages: 0, codes: 0, heaviest: 0 };
const browser = await chromium.launch({
    timeout: 180_000,
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

/// As the bank's app asks for it.
async function link() {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/v1/customers/me/hand-overs`, { method: "POST", headers });
    return (await answer.json()).url;
}

async function check(page, name) {
    await page.evaluate(axe);
    const result = await page.evaluate(() => globalThis.axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }));
    found.pages += 1;
    for (const violation of result.violations) {
        const where = violation.nodes.map((node) => node.target.join(" ")).slice(0, 3);
        found.violations.push(`${name}: ${violation.id}: ${where.join(" | ")}`);
    }
    const wide = await page.evaluate(
        () => document.documentElement.scrollWidth > document.documentElement.clientWidth + 1,
    );
    if (wide) found.violations.push(`${name}: the page scrolls sideways`);
    const picture = await page.screenshot({ fullPage: true });
    if (folder) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(`${folder}/wallet-${name}.png`, picture);
    }
    return picture;
}

/// What an elder needs, by the numbers of the ministry (MIIT, 2020): the size of type, the room between
/// lines, and the size of what is touched.
async function elderNumbers(page, name) {
    const wrong = await page.evaluate(() => {
        const found = [];
        const style = (element) => getComputedStyle(element);
        for (const element of document.querySelectorAll("p, a, button, li, label, summary, input")) {
            const box = element.getBoundingClientRect();
            if (box.width === 0 || element.classList.contains("skip")) continue;
            const size = parseFloat(style(element).fontSize);
            if (size < 18) found.push(`${element.tagName}: type of ${size}`);
            if (parseFloat(style(element).lineHeight) < 1.3 * size && element.tagName === "P" && !element.matches(".balance, .digits")) {
                found.push(`${element.tagName}: lines of ${style(element).lineHeight}`);
            }
            const touched = element.matches("button, a, summary, input");
            if (touched && box.height < 59.5) found.push(`${element.tagName}.${element.className}: ${box.height} high`);
        }
        return found;
    });
    for (const one of wrong) found.violations.push(`${name}: elder mode: ${one}`);
}

const looks = [
    { name: "en-light", locale: "en-GB", colorScheme: "light", look: "standard" },
    { name: "zh-dark", locale: "zh-CN", colorScheme: "dark", look: "standard" },
    { name: "zh-elder", locale: "zh-CN", colorScheme: "light", look: "elder" },
    { name: "en-forced", locale: "en-GB", colorScheme: "dark", forcedColors: "active", look: "standard" },
    { name: "zh-200", locale: "zh-CN", colorScheme: "light", look: "standard", width: 320 },
];
for (const look of looks) {
    const context = await browser.newContext({
        baseURL: url, locale: look.locale, colorScheme: look.colorScheme, forcedColors: look.forcedColors,
        viewport: { width: look.width ?? 390, height: 844 }, javaScriptEnabled: true,
    });
    // A machine that runs five other tests beside this one may be slow.
    context.setDefaultTimeout(180_000);
    const page = await context.newPage();
    page.on("console", (message) => {
        if (message.type() === "error" && !message.text().includes("403")) found.errors.push(message.text());
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(url)) found.elsewhere.push(request.url());
    });
    page.on("response", async (response) => {
        const body = await response.body().catch(() => "");
        found.heaviest = Math.max(found.heaviest, body.length);
    });
    await page.goto("/wallet");
    await check(page, `outside-${look.name}`);
    await page.goto(await link());
    await check(page, `enter-${look.name}`);
    await page.locator("main button").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/wallet");
    await page.goto(`/wallet?look=${look.look}`);
    const pages = { home: "/wallet", history: "/wallet/history", papers: "/wallet/papers", spend: "/wallet/spend" };
    for (const [name, path] of Object.entries(pages)) {
        const answer = await page.goto(path);
        if (answer.status() !== 200) found.errors.push(`${path}: ${answer.status()}`);
        if (name === "history") await page.locator("summary").first().click();
        await check(page, `${name}-${look.name}`);
        if (look.look === "elder") await elderNumbers(page, `${name}-${look.name}`);
    }
    await page.locator("#points").fill("1.00");
    await page.keyboard.press("Enter");
    await page.locator(".digits").waitFor();
    await page.frameLocator("iframe").locator(".waiting").waitFor();
    const picture = PNG.sync.read(await check(page, `code-${look.name}`));
    const digits = (await page.locator(".digits").textContent()).replaceAll(" ", "");
    const read = jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height)?.data;
    const box = await page.locator(".qr").boundingBox();
    if (read === digits) found.codes += 1;
    else found.misread.push(`${look.name}: ${read}`);
    if (box.width < 240) found.violations.push(`${look.name}: a code of ${box.width} px`);
    await page.goto("/wallet");
    await page.locator("footer button").click();
    await page.waitForURL("**/wallet/signed-out");
    await page.goBack();
    if (await page.locator(".balance").count()) found.errors.push(`${look.name}: going back shows the balance`);
    await context.close();
}
await browser.close();
console.log(JSON.stringify(found));
