# Three-level and location-scale figures of metafor: Rscript rma_mv_and_scale.R [folder]
# Log likelihoods at stated parameters are those of metafor itself, with the parameters fixed.
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
made_by <- list(script = "rma_mv_and_scale.R", R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor")), metadat = as.character(packageVersion("metadat")))

# --- three levels, with and without correlated sampling errors -------------------------------------------
d <- dat.assink2016
d$deltype <- factor(d$deltype, levels = c("covert", "general", "overt"))
# as tight as the optimizer reports convergence: estimates are where the log likelihood is flat to rounding
tightly <- function(fit) {
  for (power in 14:9) {
    f <- try(fit(list(optimizer = "nlminb", rel.tol = 10^-power, x.tol = 1e-11, eval.max = 5000, iter.max = 5000)),
      silent = TRUE)
    if (!inherits(f, "try-error")) return(f)
  }
  NULL
}
vs <- list("0" = diag(d$vi), "0.6" = vcalc(vi, cluster = study, obs = esid, data = d, rho = 0.6))
figures <- function(f, rho, mods, method) list(rho = rho, moderators = mods, method = method,
  names = many(sub("^deltype(.*)$", "deltype[\\1]", sub("intrcpt", "intercept", rownames(f$beta)))),
  sigma2_between = f$sigma2[1], sigma2_within = f$sigma2[2], beta = many(f$beta), se = many(f$se),
  log_lik = if (method == "ML") f$fit.stats["ll", "ML"] else f$fit.stats["ll", "REML"])
fits <- list()
at <- list()
for (rho in names(vs)) for (mods in c("~ 1", "~ year", "~ deltype")) for (method in c("ML", "REML")) {
  f <- tightly(function(control) rma.mv(yi, vs[[rho]], mods = as.formula(mods), random = ~ 1 | study/esid, data = d,
    method = method, control = control))
  fits[[length(fits) + 1]] <- figures(f, as.numeric(rho), mods, method)
  for (fixed in list(c(0.1, 0.05), c(0, 0.2), c(0.3, 0), c(0.5, 0.5))) {
    g <- rma.mv(yi, vs[[rho]], mods = as.formula(mods), random = ~ 1 | study/esid, data = d, method = method,
      sigma2 = fixed)
    at[[length(at) + 1]] <- figures(g, as.numeric(rho), mods, method)
  }
}
writeLines(json(list(data = "assink2016", made_by = made_by,
  about = "sigma2_between = tau_between^2 (study), sigma2_within = tau_within^2 (effect). log_lik: ML, or REML by metafor's convention, which adds log det(X'X) / 2 to the log integral over beta.",
  fits = fits, at = at)), file.path(out, "rma_mv_assink2016.json"))

# --- heterogeneity that depends on a moderator ------------------------------------------------------------
bcg <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
sets <- list(
  list("raudenbush1985", dat.raudenbush1985, "~ 1", "~ weeks", list(c(-3, -0.05), c(-2, 0.02), c(-4, 0.03))),
  list("raudenbush1985", dat.raudenbush1985, "~ weeks", "~ weeks", list(c(-3, -0.05), c(-2, 0.02))),
  list("raudenbush1985", dat.raudenbush1985, "~ 1", "~ weeks + tester", list(c(-3, -0.05, 0.5), c(-2, 0.02, -1))),
  list("bcg", bcg, "~ 1", "~ ablat", list(c(-1, 0.02), c(-3, 0.05), c(-2, -0.03))),
  list("bcg", bcg, "~ ablat", "~ ablat", list(c(-1, -0.02), c(-3, 0.05))))
scales <- list()
known <- list()
scale_figures <- function(f, s, method) list(data = s[[1]], moderators = s[[3]], scale = s[[4]], method = method,
  scale_names = many(sub("^tester(.*)$", "tester[\\1]", sub("intrcpt", "intercept", rownames(f$alpha)))),
  alpha = many(f$alpha), tau2 = many(f$tau2), beta = many(f$beta), se = many(f$se),
  log_lik = if (method == "ML") f$fit.stats["ll", "ML"] else f$fit.stats["ll", "REML"])
for (s in sets) for (method in c("ML", "REML")) {
  dat <- s[[2]]
  f <- tightly(function(control) rma(yi, vi, mods = as.formula(s[[3]]), scale = as.formula(s[[4]]), data = dat,
    method = method, control = control))
  if (!is.null(f)) scales[[length(scales) + 1]] <- scale_figures(f, s, method)
  else cat("no fit:", s[[1]], s[[3]], s[[4]], method, "\n")
  for (alpha in s[[5]]) {
    g <- rma(yi, vi, mods = as.formula(s[[3]]), scale = as.formula(s[[4]]), data = dat, method = method, alpha = alpha)
    known[[length(known) + 1]] <- scale_figures(g, s, method)
  }
}
writeLines(json(list(made_by = made_by,
  about = "log tau2_i = z_i alpha with z not centred, so that gamma = alpha / 2 and log tau = (alpha_0 + mean(z) alpha_1) / 2. log_lik as in rma_mv_assink2016.json.",
  fits = scales, at = known)), file.path(out, "rma_scale.json"))
