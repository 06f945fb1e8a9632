import { test } from "vitest";
import { testEngine } from "../conformance/index.js";

testEngine({ engine: "sqlite", test });
