// Validates a description by AsyncAPI's own parser: node validate.mjs FILE. Anything above a hint about newer versions fails.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "info", "hint"];
const NEWER_VERSIONS_EXIST = "asyncapi-latest-version";

async function complaints(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const found = diagnostics
    .filter((one) => one.code !== NEWER_VERSIONS_EXIST)
    .map((one) => `${SEVERITIES[one.severity]}: ${one.path.join(".")}: ${one.message}`);
  return { document, found };
}

const text = readFileSync(process.argv[2], "utf8");
const broken = JSON.parse(text);
broken.channels["contacts.changes"].messages = { nonsense: { $ref: "#/components/messages/nowhere" } };
if ((await complaints(JSON.stringify(broken))).document) {
  console.error("The parser accepts a description with a reference to nowhere, so it checks nothing.");
  process.exit(1);
}
const { document, found } = await complaints(text);
found.forEach((line) => console.error(line));
if (!document || found.length) process.exit(1);
const channels = document.allChannels().length;
console.log(`AsyncAPI ${document.version()} is valid: ${channels} channels, ${document.allMessages().length} messages.`);
