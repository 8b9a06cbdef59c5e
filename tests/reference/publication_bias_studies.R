# Rscript publication_bias_studies.R publication_bias_studies.json
# Trim and fill, fail-safe N, tests of excess significance and Henmi-Copas intervals of metafor on data sets of metadat.
suppressMessages({library(metafor); library(jsonlite)})
options(warn = -1)
tight <- list(threshold = 1e-14, maxiter = 10000)

sets <- list(
  bcg = escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg),
  raudenbush1985 = dat.raudenbush1985,
  normand1999 = escalc(measure = "SMD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.normand1999),
  hackshaw1998 = dat.hackshaw1998,
  lee2004 = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.lee2004),
  li2007 = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.li2007),
  egger2001 = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.egger2001),
  bangertdrowns2004 = dat.bangertdrowns2004,
  molloy2014 = escalc(measure = "ZCOR", ri = ri, ni = ni, data = dat.molloy2014),
  curtis1998 = escalc(measure = "ROM", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i, data = dat.curtis1998),
  hine1989 = escalc(measure = "RD", n1i = n1i, n2i = n2i, ai = ai, ci = ci, data = dat.hine1989),
  mcdaniel1994 = escalc(measure = "ZCOR", ri = ri, ni = ni, data = dat.mcdaniel1994),
  cohen1981 = escalc(measure = "ZCOR", ri = ri, ni = ni, data = dat.cohen1981),
  nielweise2007 = escalc(measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = dat.nielweise2007),
  dorn2007 = escalc(measure = "RR", ai = x.a, n1i = n.a, ci = x.p, n2i = n.p, data = dat.dorn2007)
)

number <- function(x) if (is.null(x) || length(x) == 0 || is.na(x)) NA else as.numeric(x)
# trimfill() drops the control settings of the model, so that REML stops early: the fits are made anew, given k0 and side
filled <- function(dat, method, k0, side) {
  flip <- if (side == "left") 1 else -1
  order <- order(flip * dat$yi)
  y <- dat$yi[order]; v <- dat$vi[order]; k <- length(y)
  kept <- rma(y[1:(k - k0)], v[1:(k - k0)], method = method, control = tight)
  far <- if (k0 > 0) (k - k0 + 1):k else integer(0)
  fit <- rma(c(y, 2 * kept$beta[1] - y[far]), c(v, v[far]), method = method, control = tight)
  list(filled = I(as.numeric(2 * kept$beta[1] - y[far])), mu = number(fit$beta), se = number(fit$se), tau2 = number(fit$tau2))
}
trimmed <- function(dat) {
  out <- list()
  for (method in c("REML", "DL", "EE")) {
    fit <- rma(yi, vi, data = dat, method = method, control = tight)
    for (estimator in c("L0", "R0", "Q0")) for (side in c("left", "right", "chosen")) {
      tf <- try(if (side == "chosen") trimfill(fit, estimator = estimator) else trimfill(fit, side = side, estimator = estimator), silent = TRUE)
      row <- list(method = method, estimator = estimator, asked = side)
      if (inherits(tf, "try-error")) row$error <- conditionMessage(attr(tf, "condition"))
      else row <- c(row, list(k0 = number(tf$k0), se_k0 = number(tf$se.k0), p_value = number(tf$p.k0), side = tf$side),
        filled(dat, method, tf$k0, tf$side))
      out[[length(out) + 1]] <- row
    }
  }
  out
}
drawer <- function(dat) {
  out <- list()
  for (alpha in c(.05, .01)) for (type in c("Rosenthal", "Rosenberg")) {
    f <- fsn(yi, vi, data = dat, type = type, alpha = alpha)
    out[[length(out) + 1]] <- list(kind = tolower(type), alpha = alpha, n = number(f$fsnum), p_value = number(f$pval))
  }
  for (target in c(NA, .1, .02)) for (weighted in c(FALSE, TRUE)) {
    f <- if (is.na(target)) fsn(yi, vi, data = dat, type = "Orwin", weighted = weighted) else fsn(yi, vi, data = dat, type = "Orwin", weighted = weighted, target = target)
    out[[length(out) + 1]] <- list(kind = "orwin", weighted = weighted, asked = target, n = number(f$fsnum), mean = number(f$meanes), target = number(f$target))
  }
  out
}
excess <- function(dat) {
  out <- list()
  tau2 <- rma(yi, vi, data = dat, method = "DL")$tau2
  for (test in c("chi2", "binom", "exact")) for (t2 in c(0, tau2)) {
    if (test == "exact" && nrow(dat) > 18) next
    x <- try(tes(dat$yi, dat$vi, test = test, tau2 = t2, progbar = FALSE), silent = TRUE)
    if (inherits(x, "try-error")) next
    out[[length(out) + 1]] <- list(test = test, tau2 = t2, observed = x$O, expected = x$E, theta = number(x$theta),
      p_value = number(x$pval), power = I(as.numeric(x$power)), limit = number(x$theta.lim))
  }
  out
}
copas <- function(dat) {
  h <- hc(rma(yi, vi, data = dat, method = "DL"), control = list(tol = 1e-14, maxiter = 10000))
  list(mu = number(h$beta), se = number(h$se), lower = number(h$ci.lb), upper = number(h$ci.ub), tau2 = number(h$tau2))
}

figures <- lapply(sets, function(dat) {
  dat <- dat[!is.na(dat$yi) & !is.na(dat$vi), ]
  list(y = as.numeric(dat$yi), v = as.numeric(dat$vi), trim_and_fill = trimmed(dat), fail_safe_n = drawer(dat),
    excess_significance = excess(dat), henmi_copas = copas(dat))
})
made <- paste0("metafor ", packageVersion("metafor"), ", metadat ", packageVersion("metadat"), ", R ", getRversion())
write_json(list(made_by = made, sets = figures), commandArgs(TRUE)[1], digits = NA, auto_unbox = TRUE, na = "null")
