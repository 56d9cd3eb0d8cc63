// A clerk and another person at the console, in Chromium: sign in, open a break, propose by keyboard,
// approve as the other; then every page in both languages, light and dark, wide and at 200 %, held
// against axe-core. Prints one JSON: what was refused, what was asked of other hosts, and how the break ends.
//
//   node console_walk.mjs URL BREAK NODE_MODULES [FOLDER]
//
// With a folder, a picture of each page is kept there.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [url, breakId, modules, folder] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const found = { violations: [], errors: [], elsewhere: [], pages: 0, state: "" };
const browser = await chromium.launch({
    timeout: 180_000,
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

async function person(button, options = {}) {
    const context = await browser.newContext({ baseURL: url, locale: "en-GB", ...options });
    // A machine that runs five other tests beside this one may be slow.
    context.setDefaultTimeout(180_000);
    const page = await context.newPage();
    page.on("console", (message) => {
        // A page that answers a form with 422 is no error, and a provider that is slow is asked again.
        if (message.type() === "error" && !/ (422|503) /.test(message.text())) {
            found.errors.push(message.text());
        }
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(url)) found.elsewhere.push(request.url());
    });
    for (let tries = 0; tries < 5; tries += 1) {
        await page.goto("/console/today");
        await page.getByRole("link", { name: /^(Sign in|登录)$/ }).click();
        await page.locator(`button[value=${button}]`).click();
        await page.waitForURL(/\/console\/(today|callback)/);
        if (page.url().endsWith("/console/today")) return page;
    }
    throw new Error(`${button} is not signed in: ${await page.title()}`);
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
    if (folder) {
        mkdirSync(folder, { recursive: true });
        await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
    }
}

// The walk, by keyboard only once the page is open.
const clerk = await person("clerk");
await clerk.goto(`/console/breaks/${breakId}`);
await clerk.locator("#action input[value=accept]").focus();
await clerk.keyboard.press("Space");
await clerk.keyboard.press("Tab");
await clerk.keyboard.press("Tab");
await clerk.keyboard.type("known to both, by telephone");
await clerk.keyboard.press("Tab");
await clerk.keyboard.press("Enter");
await clerk.getByText("You proposed this.").waitFor();
const settler = await person("settler");
await settler.goto("/console/approvals");
await check(settler, "approvals-en-light");
await settler.goto(`/console/breaks/${breakId}`);
await check(settler, "decision-en-light");
await settler.getByRole("button", { name: /^Approve/ }).focus();
await settler.keyboard.press("Enter");
await settler.locator("h1 + .state").getByText("Accepted").waitFor();
found.state = "accepted";

// Whoever looks for an order by the search that stands on each page finds its story.
const reader = await person("reader");
await reader.getByRole("search").getByRole("textbox").fill("order-p-1");
await reader.keyboard.press("Enter");
await reader.waitForURL("**/console/stories/events/*");
const story = new URL(reader.url()).pathname.replace("/console/", "");

// A page, or ">": the first link of the list before; "+": all boxes of the list, and its button.
const pages = {
    clerk: ["today", "breaks", "+", "breaks?state=accepted", `breaks/${breakId}`, "settlement", "files",
        "sessions", "stay", "settlement/green-basket/2026-11", "approvals/bank?state=open"],
    settler: ["today", "approvals", "approvals/bank"],
    approver: ["today", "approvals/corrections", ">"],
    reader: ["find", story, "partners", "partners/green-basket", "approvals/held", "ledger", ">"],
    decider: ["today", "approvals/held", ">", "approvals/referrals", "partners/green-basket"],
    operator: ["operations"],
    privacy: ["find", "readings"],
    manager: ["today", "tasks"],
};
for (const [locale, scheme, width] of [
    ["en-GB", "light", 1280], ["zh-CN", "dark", 1280], ["zh-CN", "light", 640],
]) {
    for (const [who, paths] of Object.entries(pages)) {
        const viewport = { width, height: 900 };
        const page = await person(who, { locale, colorScheme: scheme, viewport });
        let before = "";
        for (const path of paths) {
            let name = path.replace(breakId, "one").replace(/events\/.*/, "event");
            if (path === ">") {
                const link = page.locator("tbody th a").first();
                if (await link.count() === 0) {
                    found.errors.push(`${before}: nothing to open`);
                    continue;
                }
                await link.click();
                name = `${before}-one`;
            } else if (path === "+") {
                for (const box of await page.locator("td.choose input").all()) await box.check();
                await page.locator("form.stack button").click();
                name = `${before}-chosen`;
            } else {
                const answer = await page.goto(`/console/${path}`);
                if (answer.status() !== 200) found.errors.push(`${path}: ${answer.status()}`);
            }
            before = name;
            name = name.replace(/[^a-z0-9-]+/g, "-");
            await check(page, `${who}-${name}-${locale.slice(0, 2)}-${scheme}-${width}`);
        }
        await page.context().close();
    }
}
await browser.close();
console.log(JSON.stringify(found));
