# Tests of funnel plot asymmetry by metafor, at full precision: Rscript asymmetry_metafor.R [folder]
# regtest() with all predictors and both models, ranktest(), cluster-robust errors of robust(), three levels of rma.mv().
suppressMessages({library(metafor); library(metadat)})
out <- commandArgs(trailingOnly = TRUE)
out <- if (length(out)) out[1] else "."

json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    inner <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(inner, collapse = ",\n"), "]"))
    return(paste0("{", paste0("\"", names(x), "\": ", inner, collapse = ",\n"), "}"))
  }
  one <- function(v) if (is.na(v)) "null" else if (is.character(v)) paste0("\"", v, "\"") else sprintf("%.17g", v)
  inner <- vapply(unname(x), one, "")
  if (length(x) == 1 && is.null(attr(x, "array"))) inner else paste0("[", paste(inner, collapse = ", "), "]")
}
many <- function(x) structure(as.vector(x), array = TRUE)
made_by <- list(script = "asymmetry_metafor.R", R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor")), metadat = as.character(packageVersion("metadat")))

two <- function(measure, a, n1, b, n2, ...) {
  d <- escalc(measure, ai = a, n1i = n1, ci = b, n2i = n2, ...)
  list(y = d$yi, v = d$vi, n = n1 + n2)
}
sets <- list(
  bcg = function() with(dat.bcg, two("RR", tpos, tpos + tneg, cpos, cpos + cneg)),
  raudenbush1985 = function() with(dat.raudenbush1985, list(y = yi, v = vi, n = n1i + n2i)),
  hackshaw1998 = function() with(dat.hackshaw1998, list(y = yi, v = vi)),
  normand1999 = function() with(escalc("MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
    data = dat.normand1999), list(y = yi, v = vi, n = n1i + n2i)),
  li2007 = function() with(dat.li2007, two("OR", ai, n1i, ci, n2i)),
  molloy2014 = function() with(escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014), list(y = yi, v = vi, n = ni)),
  hine1989 = function() with(dat.hine1989, two("OR", ai, n1i, ci, n2i)),
  curtis1998 = function() with(escalc("ROM", m1i = m2i, sd1i = sd2i, n1i = n2i, m2i = m1i, sd2i = sd1i, n2i = n1i,
    data = dat.curtis1998), list(y = yi, v = vi, n = n1i + n2i)),
  bangertdrowns2004 = function() with(dat.bangertdrowns2004, list(y = yi, v = vi, n = ni)),
  linde2005 = function() with(dat.linde2005, two("RR", ai, n1i, ci, n2i)),
  egger2001 = function() with(dat.egger2001, two("OR", ai, n1i, ci, n2i)),
  collins1985b = function() with(dat.collins1985b, two("OR", pre.xti, pre.nti, pre.xci, pre.nci)),
  debruin2009 = function() with(escalc("PLO", xi = xi, ni = ni, data = dat.debruin2009), list(y = yi, v = vi, n = ni)),
  mcdaniel1994 = function() with(escalc("ZCOR", ri = ri, ni = ni, data = dat.mcdaniel1994), list(y = yi, v = vi, n = ni)),
  nielweise2007 = function() with(dat.nielweise2007, two("OR", ai, n1i, ci, n2i)),
  bonett2010 = function() with(escalc("ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010), list(y = yi, v = vi, n = ni)),
  lee2004 = function() with(dat.lee2004, two("OR", ai, n1i, ci, n2i)),
  eight_schools = function() list(y = c(28, 8, -3, 7, -1, 1, 18, 12), v = c(15, 10, 16, 11, 9, 11, 10, 18)^2)
)
predictors <- c(se = "sei", v = "vi", n = "ni", ninv = "ninv", sqrtn = "sqrtni", sqrtninv = "sqrtninv")

tests <- function(y, v, n) {
  known <- if (is.null(n)) predictors[1:2] else predictors
  figures <- list()
  for (model in c("lm", "rma")) for (name in names(known)) {
    test <- NULL
    for (power in 13:9) {  # a threshold is absolute in tau2: as small as this data set lets the search end
      control <- list(threshold = 10^-power * median(v), maxiter = 300)
      test <- try(regtest(if (is.null(n)) rma(y, v, control = control) else rma(y, v, ni = n, control = control),
        predictor = known[[name]], model = model), silent = TRUE)
      if (!inherits(test, "try-error")) break
    }
    if (inherits(test, "try-error")) next
    slope <- if (model == "lm") unname(coef(test$fit)[2]) else test$fit$beta[2]
    has <- !is.null(test$est)
    figures[[length(figures) + 1]] <- list(model = model, predictor = name, statistic = unname(test$zval),
      p_value = unname(test$pval), df = if (model == "lm") test$dfs else NA, slope = unname(slope),
      limit = if (has) unname(test$est) else NA, lower = if (has) unname(test$ci.lb) else NA,
      upper = if (has) unname(test$ci.ub) else NA, tau2 = if (model == "rma") test$fit$tau2 else NA)
  }
  rank <- suppressWarnings(ranktest(y, v))
  list(regtest = figures, tau = unname(rank$tau), tau_p = unname(rank$pval))
}

data <- lapply(sets, function(make) {
  d <- make()
  keep <- is.finite(d$y) & is.finite(d$v)
  d <- lapply(d, function(x) as.numeric(x)[keep])
  c(list(y = many(d$y), v = many(d$v), n = if (is.null(d$n)) NULL else many(d$n)), tests(d$y, d$v, d$n))
})

# --- several effects of a study ---------------------------------------------------------------------------
d <- dat.assink2016
d$sei <- sqrt(d$vi)
errors <- function(fit) {
  cr0 <- robust(fit, cluster = d$study, adjust = FALSE, clubSandwich = FALSE)
  cr1p <- robust(fit, cluster = d$study, adjust = TRUE, clubSandwich = FALSE)
  list(beta = many(fit$beta), CR0 = many(cr0$se), CR1p = many(cr1p$se), model_se = many(fit$se))
}
flat <- rma(yi, vi, mods = ~ sei, data = d, method = "FE")
levels3 <- NULL
for (power in 14:9) {
  levels3 <- try(rma.mv(yi, vi, mods = ~ sei, random = ~ 1 | study/esid, data = d,
    control = list(optimizer = "nlminb", rel.tol = 10^-power, x.tol = 1e-12, eval.max = 5000, iter.max = 5000)),
    silent = TRUE)
  if (!inherits(levels3, "try-error")) break
}
dependent <- list(y = many(d$yi), v = many(d$vi), study = many(as.character(d$study)), pet = errors(flat),
  three_level = c(errors(levels3), list(between = levels3$sigma2[1], within = levels3$sigma2[2],
    log_likelihood = levels3$fit.stats["ll", "REML"])))

writeLines(json(list(made_by = made_by, data = data, assink2016 = dependent)), file.path(out, "asymmetry_metafor.json"))
