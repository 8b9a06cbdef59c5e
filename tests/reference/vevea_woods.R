# Weights that are assumed (Vevea & Woods 2005, table 1), random effects by maximum likelihood: Rscript vevea_woods.R [folder]
suppressMessages({library(metafor); library(metadat); library(numDeriv)})
out <- commandArgs(trailingOnly = TRUE)
out <- if (length(out)) out[1] else "."
steps <- c(0.005, 0.01, 0.05, 0.10, 0.25, 0.35, 0.50, 0.65, 0.75, 0.90, 0.95, 0.99, 0.995)
weights <- list(
  "moderate, one-tailed" = c(1, 0.99, 0.95, 0.80, 0.75, 0.65, 0.60, 0.55, 0.50, 0.50, 0.50, 0.50, 0.50, 0.50),
  "severe, one-tailed" = c(1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.40, 0.35, 0.30, 0.25, 0.10, 0.10, 0.10, 0.10),
  "moderate, two-tailed" = c(1, 0.99, 0.95, 0.90, 0.80, 0.75, 0.60, 0.60, 0.75, 0.80, 0.90, 0.95, 0.99, 1.00),
  "severe, two-tailed" = c(1, 0.99, 0.90, 0.75, 0.60, 0.50, 0.25, 0.25, 0.50, 0.60, 0.75, 0.90, 0.99, 1.00))
sets <- list(
  bcg = list(with(escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg), rma(yi, vi, method = "ML")), "less"),
  raudenbush1985 = list(rma(yi, vi, method = "ML", data = dat.raudenbush1985), "greater"))
number <- function(x) sprintf("%.17g", x)
one <- function(set, w) {
  tight <- list(optimizer = "BFGS", reltol = 1e-15, maxit = 2000)
  fit <- selmodel(set[[1]], type = "stepfun", alternative = set[[2]], steps = steps, delta = w, control = tight)
  paste0("{\"ll\": ", number(logLik(fit)), ", \"mu\": ", number(fit$beta), ", \"tau2\": ", number(fit$tau2), ", \"se\": ", number(fit$se), "}")
}
parts <- vapply(sets, function(set) paste0("{", paste0("\"", names(weights), "\": ", vapply(weights, function(w) one(set, w), ""), collapse = ",\n"), "}"), "")
made_by <- paste0("metafor ", packageVersion("metafor"), ", metadat ", packageVersion("metadat"), ", ", R.version.string)
writeLines(paste0("{\"made_by\": \"", made_by, "\",\n\"sets\": {", paste0("\"", names(sets), "\": ", parts, collapse = ",\n"), "}}"), file.path(out, "vevea_woods.json"))
