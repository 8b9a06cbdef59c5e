# Selection models by maximum likelihood, at full precision: Rscript selection_models_ml.R [folder]
# Step functions are fitted by three optimisers from metafor's starts, then again from the best end with tighter
# thresholds, and the highest log likelihood is kept; the others from metafor's own end with integrals to 1e-9.
# `default` is the log likelihood at metafor's own settings. Packages: metafor, metadat, numDeriv.
suppressMessages({library(metafor); library(metadat); library(numDeriv)})
out <- commandArgs(trailingOnly = TRUE)
out <- if (length(out)) out[1] else "."

json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) {
    inner <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(inner, collapse = ",\n"), "]"))
    return(paste0("{", paste0("\"", names(x), "\": ", inner, collapse = ", "), "}"))
  }
  one <- function(v) {
    if (is.na(v)) "null"
    else if (is.character(v)) paste0("\"", v, "\"")
    else if (is.logical(v)) tolower(as.character(v))
    else sprintf("%.17g", v)
  }
  inner <- vapply(unname(x), one, "")
  if (length(x) == 1 && is.null(attr(x, "array"))) inner else paste0("[", paste(inner, collapse = ", "), "]")
}
many <- function(x) structure(as.vector(x), array = TRUE)

# --- the data sets: estimates, variances, a moderator where there is one, where results are wanted ----------------
set <- function(yi, vi, alternative, x = NULL) {
  keep <- is.finite(yi) & is.finite(vi) & vi > 0 & (if (is.null(x)) TRUE else is.finite(x))
  list(y = as.vector(yi)[keep], v = as.vector(vi)[keep], alternative = alternative, x = if (is.null(x)) NULL else x[keep])
}
sets <- list(
  bcg = with(escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg), set(yi, vi, "less", ablat)),
  raudenbush1985 = with(dat.raudenbush1985, set(yi, vi, "greater", weeks)),
  hackshaw1998 = with(dat.hackshaw1998, set(yi, vi, "greater")),
  bangertdrowns2004 = with(dat.bangertdrowns2004, set(yi, vi, "greater", length)),
  baskerville2012 = with(dat.baskerville2012, set(smd, se^2, "greater")),
  molloy2014 = with(escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014), set(yi, vi, "greater")),
  cohen1981 = with(escalc("ZCOR", ri = ri, ni = ni, data = dat.cohen1981), set(yi, vi, "greater")),
  mcdaniel1994 = with(escalc("ZCOR", ri = ri, ni = ni, data = dat.mcdaniel1994), set(yi, vi, "greater")),
  li2007 = with(escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.li2007), set(yi, vi, "less", year)),
  egger2001 = with(escalc("OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.egger2001), set(yi, vi, "less")),
  curtis1998 = with(escalc("ROM", m1i = m2i, sd1i = sd2i, n1i = n2i, m2i = m1i, sd2i = sd1i, n2i = n1i,
    data = dat.curtis1998), set(yi, vi, "greater")),
  bourassa1996 = with(escalc("OR", ai = lh.le, bi = lh.re, ci = rh.le, di = rh.re, data = dat.bourassa1996,
    add = 1/2, to = "all"), set(yi, vi, "greater")),
  landenberger2005 = with(escalc("OR", ai = n.ctrl.rec, bi = n.ctrl.non, ci = n.cbt.rec, di = n.cbt.non,
    data = dat.landenberger2005), set(yi, vi, "greater"))
)

# --- one model ---------------------------------------------------------------------------------------------------
fitted <- function(data, type, alternative, steps, prec, method, moderated, tight = TRUE) {
  base <- if (moderated) rma(data$y, data$v, mods = ~ data$x, method = method, control = list(threshold = 1e-14, maxiter = 10000))
          else rma(data$y, data$v, method = method, control = list(threshold = 1e-14, maxiter = 10000))
  call <- list(base, type = type, alternative = alternative)
  if (!is.null(steps)) call$steps <- steps
  if (!is.null(prec)) call$prec <- prec
  one <- function(control) {
    fit <- suppressWarnings(try(do.call(selmodel, c(call, list(control = control))), silent = TRUE))
    if (inherits(fit, "try-error")) NULL else fit
  }
  first <- one(list())
  start <- function(fit, control) c(control, list(beta.init = as.vector(fit$beta), delta.init = pmax(fit$delta, 1e-4)),
    if (method == "ML") list(tau2.init = max(fit$tau2, 1e-6)))
  ends <- list(first)
  if (type == "stepfun") {
    ends <- c(ends, list(one(list(optimizer = "nlminb", rel.tol = 1e-14, x.tol = 1e-14, iter.max = 2000, eval.max = 5000)),
      one(list(optimizer = "Nelder-Mead", reltol = 1e-15, maxit = 10000))))
  }
  highest <- function(ends) {
    ends <- Filter(Negate(is.null), ends)
    if (length(ends)) ends[[which.max(vapply(ends, function(f) as.numeric(logLik(f)), 0))]] else NULL
  }
  best <- highest(ends)
  if (is.null(best)) return(NULL)
  exact <- if (type == "stepfun") list() else list(intCtrl = list(rel.tol = 1e-9, subdivisions = 500))
  again <- one(start(best, c(list(optimizer = "BFGS", reltol = 1e-15, maxit = 100), exact)))
  best <- if (type == "stepfun") highest(list(best, again)) else if (is.null(again)) best else again
  free <- if (type == "stepfun") -1 else seq_along(best$delta)
  list(type = type, alternative = alternative, steps = if (is.null(steps)) NULL else many(steps), prec = prec,
    method = method, moderated = moderated, ll = as.numeric(logLik(best)),
    default = if (is.null(first)) NA else as.numeric(logLik(first)), beta = many(best$beta), tau2 = best$tau2,
    delta = many(best$delta[free]), se_beta = many(best$se), se_delta = many(best$se.delta[free]),
    LRT = best$LRT, LRTp = best$LRTp, LRTdf = best$LRTdf)
}

populated <- function(data, alternative, steps) {
  z <- data$y / sqrt(data$v)
  p <- switch(alternative, greater = pnorm(-z), less = pnorm(z), two.sided = 2 * pnorm(-abs(z)))
  all(tabulate(findInterval(p, c(0, steps), left.open = TRUE), length(steps) + 1) > 0)
}
models <- list()
for (steps in list(0.025, c(0.025, 0.5), c(0.025, 0.05, 0.5), c(0.005, 0.025, 0.1, 0.5)))
  models <- c(models, list(list("stepfun", "one", steps, NULL, "ML", FALSE)))
models <- c(models, list(
  list("stepfun", "two", 0.05, NULL, "ML", FALSE), list("stepfun", "two", c(0.05, 0.5), NULL, "ML", FALSE),
  list("stepfun", "other", 0.5, NULL, "ML", FALSE),
  list("stepfun", "one", c(0.025, 0.5), NULL, "EE", FALSE), list("stepfun", "one", c(0.025, 0.5), NULL, "ML", TRUE)))
smooth <- list(list("beta", "one", NULL, NULL, "ML", FALSE), list("halfnorm", "one", NULL, NULL, "ML", FALSE),
  list("halfnorm", "one", NULL, "sei", "ML", FALSE), list("negexp", "two", NULL, "sei", "ML", FALSE),
  list("negexp", "one", NULL, NULL, "EE", FALSE), list("logistic", "one", NULL, NULL, "ML", FALSE),
  list("power", "one", NULL, NULL, "ML", FALSE), list("power", "two", NULL, NULL, "ML", FALSE),
  list("logistic", "one", NULL, "sei", "ML", TRUE))

done <- lapply(sets, function(data) list(y = many(data$y), v = many(data$v), x = if (is.null(data$x)) NULL else many(data$x),
  direction = if (data$alternative == "greater") "positive" else "negative", fits = list()))
made_by <- paste0("metafor ", packageVersion("metafor"), ", metadat ", packageVersion("metadat"), ", ", R.version.string)
save <- function() writeLines(json(list(made_by = made_by, sets = done)), file.path(out, "selection_models_ml.json"))
for (kinds in list(models, smooth)) for (name in names(sets)) {
  data <- sets[[name]]
  if (identical(kinds, smooth) && length(data$y) > 20) next
  for (model in kinds) {
    alternative <- switch(model[[2]], one = data$alternative, two = "two.sided",
      other = if (data$alternative == "greater") "less" else "greater")
    steps <- model[[3]]
    if (model[[6]] && is.null(data$x)) next
    if (!is.null(steps) && !populated(data, alternative, steps)) next
    fit <- fitted(data, model[[1]], alternative, steps, model[[4]], model[[5]], model[[6]])
    if (!is.null(fit)) done[[name]]$fits <- c(done[[name]]$fits, list(fit))
  }
  cat(name, length(data$y), length(done[[name]]$fits), "\n", file = stderr())
  save()
}
