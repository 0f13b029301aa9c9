/*
 * Opens a page in headless Chromium, does what standard input asks for, and prints what it saw.
 *
 * Standard input is an object: `playwright` (the folder that has playwright-core in its
 * node_modules), `chromium` (the browser), `profile` (a folder for its data), `page` (a file),
 * `width`, `height`, `dark`, `script` (whether scripts run), and `actions`, a list:
 *
 * ["fill", text]                 write into the search box
 * ["click", selector]            click an element
 * ["cell", row, column, when]    click a cell by the row's name, the column's and import or call
 * ["press", key]                 press a key
 * ["rows"]                       the names of the rows to be seen
 * ["detail"]                     the way that is shown
 * ["focus"]                      what the keyboard is at
 * ["evaluate", expression]       a value of the page
 * ["shot", file]                 a picture
 * ["script", file]               run a script in the page
 *
 * Standard output is an object: `seen`, what was asked for with rows, detail, focus and evaluate; `told`, what was
 * written to the console or failed; `asked`, every request but that of the page itself; `refused`,
 * those that the page's own content security policy did not let out.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const task = JSON.parse(readFileSync(0, "utf8"));
const { chromium } = createRequire(join(task.playwright, "look.cjs"))("playwright-core");

const context = await chromium.launchPersistentContext(task.profile, {
  executablePath: task.chromium,
  headless: true,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
  ],
  viewport: { width: task.width, height: task.height },
  colorScheme: task.dark ? "dark" : "light",
  reducedMotion: "reduce",
  javaScriptEnabled: task.script,
});
const [seen, told, asked, refused] = [[], [], [], []];
const page = await context.newPage();
page.setDefaultTimeout(20_000);
const address = pathToFileURL(task.page).href;
page.on("console", (message) => told.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => told.push(`error: ${error.message}`));
page.on("request", (request) => {
  if (request.url() !== address) asked.push(request.url());
});
page.on("requestfailed", (request) => {
  // The page's own content security policy; nothing was sent.
  if (request.failure()?.errorText !== "csp") return;
  asked.splice(asked.indexOf(request.url()), 1);
  refused.push(request.url());
});

const rows = () =>
  Array.from(document.querySelectorAll("tbody tr"))
    .filter((row) => row.offsetParent !== null)
    .map((row) => row.cells[0].querySelector(".fold, span")?.textContent ?? row.textContent);

const detail = () => {
  if (document.getElementById("detail").hidden) return null;
  const text = (selector, from = document) => from.querySelector(selector)?.textContent ?? "";
  return {
    name: text("#detail-name"),
    what: text("#detail-what"),
    steps: Array.from(document.querySelectorAll("#steps li")).map((step) => ({
      name: text("b", step),
      place: text(".at", step),
      rows: Array.from(step.querySelectorAll("pre > span")).map((row) => row.textContent),
      marked: Array.from(step.querySelectorAll(".marked code")).map((row) => row.textContent),
    })),
  };
};

const focus = () => {
  const at = document.activeElement;
  const row = at.closest("tr")?.cells[0].querySelector(".fold, span")?.textContent;
  return [row ?? "", at.id || at.textContent];
};

const cell = ([name, column, when]) => {
  const columns = Array.from(document.querySelectorAll("thead th"), (head) => head.textContent);
  for (const row of document.querySelectorAll("tbody tr")) {
    if (row.cells[0].querySelector(".fold, span")?.textContent !== name) continue;
    if (row.offsetParent === null) continue;
    const buttons = row.cells[columns.indexOf(column)].querySelectorAll("button");
    return Array.from(buttons).find((button) => button.classList.contains(when[0]));
  }
  return null;
};

await page.goto(address);
for (const [what, ...how] of task.actions) {
  if (what === "fill") {
    await page.fill("#search", how[0]);
    await page.waitForTimeout(50);
  } else if (what === "click") await page.click(how[0]);
  else if (what === "cell") {
    const found = (await page.evaluateHandle(cell, how)).asElement();
    if (!found) throw new Error(`no cell ${how.join(" ")}`);
    await found.click();
  } else if (what === "press") await page.keyboard.press(how[0]);
  else if (what === "rows") seen.push(await page.evaluate(rows));
  else if (what === "detail") seen.push(await page.evaluate(detail));
  else if (what === "focus") seen.push(await page.evaluate(focus));
  else if (what === "evaluate") seen.push(await page.evaluate(how[0]));
  else if (what === "script") await page.addScriptTag({ path: how[0] });
  else if (what === "shot") await page.screenshot({ path: how[0] });
  else throw new Error(`no such action: ${what}`);
}
await context.close();
console.log(JSON.stringify({ seen, told, asked, refused }));
