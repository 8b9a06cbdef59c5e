# Figures of metafor for real data sets, at full precision: Rscript metafor_figures.R [folder]
# Iterative estimators run until they no longer move; the figures of an estimator that cannot are left out.
suppressMessages({library(metafor); library(metadat)})
out <- commandArgs(trailingOnly = TRUE)
out <- if (length(out)) out[1] else "."

# --- JSON with 17 digits --------------------------------------------------------------------------------
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    inner <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(inner, collapse = ", "), "]"))
    return(paste0("{", paste0("\"", names(x), "\": ", inner, collapse = ",\n"), "}"))
  }
  one <- function(v) {
    if (is.na(v)) "null"
    else if (is.character(v)) paste0("\"", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", v)), "\"")
    else sprintf("%.17g", v)
  }
  inner <- vapply(unname(x), one, "")
  if (length(x) == 1 && is.null(attr(x, "array"))) inner else paste0("[", paste(inner, collapse = ", "), "]")
}
many <- function(x) structure(as.vector(x), array = TRUE)

# --- the data sets --------------------------------------------------------------------------------------
labels <- function(...) make.unique(paste(...), sep = " ")
sets <- list(
  bcg = function() with(escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
    list("RR", yi, vi, labels(author, year), "Colditz et al. 1994, doi:10.1001/jama.1994.03510330076038")),
  raudenbush1985 = function() with(dat.raudenbush1985,
    list("SMD", yi, vi, labels(author, year), "Raudenbush & Bryk 1985, doi:10.3102/10769986010002075")),
  hackshaw1998 = function() with(dat.hackshaw1998,
    list("OR", yi, vi, labels(author, year), "Hackshaw 1998, doi:10.1177/096228029800700203")),
  normand1999 = function() with(escalc("MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i,
    n2i = n2i, data = dat.normand1999),
    list("MD", yi, vi, labels(source),
      "Normand 1999, doi:10.1002/(SICI)1097-0258(19990215)18:3<321::AID-SIM28>3.0.CO;2-P")),
  li2007 = function() with(escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.li2007),
    list("OR", yi, vi, labels(study, year), "Li, Zhang, Zhang & Egger 2007, doi:10.1002/14651858.CD002755.pub2")),
  molloy2014 = function() with(escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014),
    list("ZCOR", yi, vi, labels(authors, year), "Molloy, O'Carroll & Ferguson 2014, doi:10.1007/s12160-013-9524-4")),
  hine1989 = function() with(escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.hine1989),
    list("OR", yi, vi, labels(source), "Hine, Laird, Hewitt & Chalmers 1989, in Normand 1999, doi:10.1002/(SICI)1097-0258(19990215)18:3<321::AID-SIM28>3.0.CO;2-P")),
  curtis1998 = function() with(escalc("ROM", m1i = m2i, sd1i = sd2i, n1i = n2i, m2i = m1i, sd2i = sd1i,
    n2i = n1i, data = dat.curtis1998),
    list("ROM", yi, vi, labels("observation", id), "Hedges, Gurevitch & Curtis 1999, doi:10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2")),
  bangertdrowns2004 = function() with(dat.bangertdrowns2004,
    list("SMD", yi, vi, labels(author, year), "Bangert-Drowns, Hurley & Wilkinson 2004, doi:10.3102/00346543074001029")),
  eight_schools = function() list("MD", c(28, 8, -3, 7, -1, 1, 18, 12), c(15, 10, 16, 11, 9, 11, 10, 18)^2,
    paste("School", LETTERS[1:8]), "Rubin 1981, doi:10.3102/10769986006004377")
)

# --- the figures ----------------------------------------------------------------------------------------
iterative <- c("ML", "REML", "EB", "PM", "PMM")
exactly <- function(y, v, method, test) {
  # thresholds are absolute in tau2: as small as the scale of this data set lets the search end
  for (power in 15:11) {
    threshold <- 10^-power * median(v)
    control <- list(threshold = threshold, tol = threshold, maxiter = 20000, tau2.max = 100 * var(y))
    fit <- if (method %in% iterative) try(rma(y, v, method = method, test = test, control = control), silent = TRUE)
           else rma(y, v, method = method, test = test)
    if (!inherits(fit, "try-error")) return(fit)
  }
  NULL
}
shared <- function(f) list(tau2 = f$tau2, se_tau2 = if (length(f$se.tau2)) f$se.tau2 else NA, Q = f$QE, Q_p = f$QEp,
  I2 = f$I2 / 100, H2 = f$H2, ll_ml = f$fit.stats["ll", "ML"], ll_reml = f$fit.stats["ll", "REML"],
  weights = many(weights(f) / 100))
inference <- function(f) list(mu = f$beta[1], se = f$se, statistic = f$zval, df = if (f$test == "z") NA else f$k - f$p,
  p_value = f$pval, lower = f$ci.lb, upper = f$ci.ub)
new_effect <- function(f, ...) { p <- predict(f, ...); list(lower = p$pi.lb, upper = p$pi.ub) }
shrunken <- function(f) { b <- blup(f); list(theta = many(b$pred), sd = many(b$se), lower = many(b$pi.lb),
  upper = many(b$pi.ub)) }
profile <- function(f, y) {
  r <- confint(f, control = list(tol = .Machine$double.eps, tau2.max = 1e4 * var(y), maxiter = 10000))$random
  list(tau2 = many(r["tau^2", 2:3]), tau = many(r["tau", 2:3]), I2 = many(r["I^2(%)", 2:3] / 100),
    H2 = many(r["H^2", 2:3]))
}
tests <- c(wald = "z", t = "t", "hartung-knapp" = "knha", "hartung-knapp-adhoc" = "adhoc")

figures <- function(y, v) {
  res <- list()
  for (method in c("EE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM")) {
    f <- exactly(y, v, method, "z")
    if (is.null(f)) next
    entry <- shared(f)
    used <- if (method == "EE") tests[1:2] else tests
    entry$intervals <- lapply(used, function(t) inference(exactly(y, v, method, t)))
    if (method == "REML") {
      k <- exactly(y, v, method, "knha")
      entry$prediction <- list(wald_z = new_effect(f), wald_t = new_effect(f, pi.type = "t"),
        wald_riley = new_effect(f, pi.type = "riley"), knapp_t = new_effect(k),
        knapp_riley = new_effect(k, pi.type = "riley"))
      entry$q_profile <- profile(f, y)
      entry$blup <- list(wald = shrunken(f), "hartung-knapp" = shrunken(k))
    }
    res[[method]] <- entry
  }
  res
}

# --- a meta-regression on one moderator, for the arithmetic of a general design --------------------------
moderated <- function(y, v, x) {
  fits <- list()
  for (method in c("DL", "HE", "SJ", "ML", "REML", "PM")) {
    f <- rma(y, v, mods = ~x, method = method, test = "knha",
      control = list(threshold = 1e-15, tol = 1e-15, maxiter = 20000))
    fits[[method]] <- list(tau2 = f$tau2, se_tau2 = f$se.tau2, beta = many(f$beta), se = many(f$se), Q = f$QE,
      I2 = f$I2 / 100, ll_ml = f$fit.stats["ll", "ML"], ll_reml = f$fit.stats["ll", "REML"])
    if (method == "REML") {
      fits[[method]]$q_profile <- many(confint(f, control = list(tol = .Machine$double.eps,
        maxiter = 10000))$random["tau^2", 2:3])
      fits[[method]]$blup <- shrunken(f)
    }
  }
  list(x = many(x), fits = fits)
}
moderators <- list(bcg = dat.bcg$ablat, raudenbush1985 = pmin(dat.raudenbush1985$weeks, 3))

for (name in names(sets)) {
  d <- sets[[name]]()
  y <- as.vector(d[[2]]); v <- as.vector(d[[3]])
  record <- list(
    name = name, measure = d[[1]], k = length(y), citation = d[[5]],
    made_by = list(script = "metafor_figures.R", R = paste(R.version$major, R.version$minor, sep = "."),
      metafor = as.character(packageVersion("metafor")), metadat = as.character(packageVersion("metadat"))),
    y = many(y), v = many(v), study = many(d[[4]]), fits = figures(y, v))
  if (name %in% names(moderators)) record$regression <- moderated(y, v, moderators[[name]])
  writeLines(json(record), file.path(out, paste0("metafor_", name, ".json")))
  cat(name, length(y), "\n")
}
