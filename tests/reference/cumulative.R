# Cumulative meta-analyses by metafor: makes cumulative.json. Rscript cumulative.R
suppressMessages({library(metafor); library(jsonlite)})
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
normand <- escalc(measure = "MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                  data = dat.normand1999)
one <- function(name, dat, method, by) {
  control <- if (method == "REML") list(threshold = 1e-12, maxiter = 10000) else list()
  fit <- rma(yi, vi, method = method, data = dat, control = control)
  found <- cumul(fit, order = by)  # a variable since metafor 3.0
  order <- order(by)
  list(data = name, method = method, y = as.numeric(dat$yi[order]), se = sqrt(dat$vi[order]), mu = found$estimate,
       lower = found$ci.lb, upper = found$ci.ub, tau2 = found$tau2)
}
fits <- list(one("bcg by year", bcg, "REML", bcg$year), one("bcg by year", bcg, "DL", bcg$year),
             one("normand1999 by precision", normand, "REML", normand$vi),
             one("normand1999 by precision", normand, "DL", normand$vi))
versions <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")))
write(toJSON(list(versions = versions, fits = fits), auto_unbox = TRUE, digits = 17, pretty = TRUE), "cumulative.json")
